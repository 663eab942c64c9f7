// @ts-check
/** @typedef {StageMessage["values"][string]} Setting */
/** @typedef {Omit<Slider, "stops"> & { stops: Setting[] }} Control */

// The panel: a slider, a number and a way back for every control.
class Sliders {
  /** @type {string} */ entrant = null;
  /** @type {Record<string, { c: Control, row: HTMLElement, number: HTMLInputElement, range: HTMLInputElement }>} */ inputs = {};
  /** @type {Record<string, boolean>} */ folds = {};
  /** @type {Record<string, Setting>} */ opened = {}; // each number as it was when it was first seen here

  /** @param {Stage} stage @param {HTMLElement} box */
  constructor(stage, box) {
    this.stage = stage;
    this.box = box;
  }

  build() {
    const { stage } = this;
    this.inputs = {};
    /** @type {Map<string, Control[]>} */
    const groups = new Map();
    for (const c of stage.controls) groups.set(c.group, [...(groups.get(c.group) ?? []), c]);
    const own = stage.data.runs.filter((run) => groups.has(run.key));
    if (!own.some((run) => run.key === this.entrant)) this.entrant = own[0]?.key;
    /** @type {HTMLElement[]} */
    const parts = [];
    for (const [name, controls] of groups) {
      const isRule = own.some((run) => run.key === name);
      if (isRule && name !== this.entrant) continue;
      const box = make(controls[0].folded ? "details" : "fieldset");
      if (isRule) {
        const pick = make("select", { ariaLabel: "Rule whose hyperparameters are shown" });
        for (const run of own) pick.append(make("option", { value: run.key, textContent: run.title, selected: run.key === name }));
        pick.onchange = () => {
          this.entrant = pick.value;
          this.build();
          this.show();
          this.box.querySelector("select").focus();
        };
        const line = make("div", { className: "pick" });
        line.append(make("span", { textContent: "Rule" }), pick);
        box.append(line);
      } else box.append(make(controls[0].folded ? "summary" : "legend", { textContent: name }));
      if (box instanceof HTMLDetailsElement) {
        box.open = this.folds[name] ?? controls.some((c) => stage.values[c.id] !== c.default);
        box.ontoggle = () => (this.folds = { ...this.folds, [name]: box.open });
      }
      for (const c of controls) box.append(this.slider(c));
      if (controls.some((c) => c.id === "steps")) box.append(this.startRow());
      parts.push(box);
    }
    this.box.replaceChildren(...parts);
  }

  /** @param {Control} c */
  slider(c) {
    const { stage } = this;
    const row = make("div", { className: "control", title: c.help });
    const label = make("label", { textContent: c.label, htmlFor: c.id });
    const first = (this.opened[c.id] ??= stage.values[c.id]);
    const reset = make("button", { className: "reset", textContent: "↺", title: `Back to ${first}`, ariaLabel: `Reset ${c.label}` });
    const number = make("input", { className: "number", inputMode: "decimal", ariaLabel: `${c.label}, exact value` });
    const range = make("input", { type: "range", id: c.id, min: "0", max: String(c.stops.length - 1), step: "1" });
    /** @param {boolean} released */
    const ask = (released) => stage.ask({ [c.id]: c.stops[+range.value] }, released);
    range.onpointerdown = () => c.band && stage.hold(c, range);
    range.onpointerup = range.onpointercancel = () => stage.release(c, range);
    range.oninput = () => {
      setRange(range, +range.value);
      if (stage.held && stage.band) return stage.slide();
      ask(false);
      this.show();
    };
    range.onchange = () => ask(true);
    number.onchange = () => stage.ask({ [c.id]: number.value }, true);
    number.onkeydown = (e) => {
      if (e.key === "Escape") number.value = this.textOf(c);
    };
    reset.onclick = () => stage.ask({ [c.id]: first }, true);
    row.append(label, reset, number, range);
    this.inputs[c.id] = { c, row, number, range };
    return row;
  }

  startRow() {
    const { stage } = this;
    const row = make("div", { className: "control start", title: "Where every run starts: click the map, drag the cross, or type x, y." });
    this.startText = make("input", { className: "number", id: "start", ariaLabel: "Start: x, y" });
    this.startText.onchange = () => stage.ask({ start: this.startText.value.split(/[,;\s]+/).filter(Boolean).map((v) => (Number.isFinite(+v) ? +v : v)) }, true);
    const reset = make("button", { className: "reset", textContent: "↺", title: "Back to the surface's own start", ariaLabel: "Reset start" });
    reset.onclick = () => stage.ask({ start: null }, true);
    row.append(make("label", { textContent: "start", htmlFor: "start" }), reset, this.startText);
    return row;
  }

  /** @param {Control} control */
  textOf({ id, off }) {
    const value = this.stage.values[id];
    return value === off ? "off" : String(typeof value === "number" ? +value.toPrecision(6) : value);
  }

  show() {
    const { stage } = this;
    this.startText.closest(".control").classList.toggle("changed", stage.data.moved);
    this.startText.value = stage.data.start.map((v) => +v.toPrecision(4)).join(", ");
    const { activeElement: focus } = /** @type {Document | ShadowRoot} */ (stage.root.getRootNode());
    for (const [id, { c, row, number, range }] of Object.entries(this.inputs)) {
      const value = stage.values[id];
      const text = this.textOf(c);
      if (number !== focus || !stage.flight) number.value = text;
      const stops = c.stops.map(Number);
      const nearest = stops.reduce((best, stop, i) => (Math.abs(stop - +value) < Math.abs(stops[best] - +value) ? i : best), 0);
      const at = c.stops.includes(value) ? c.stops.indexOf(value) : nearest;
      if (id !== stage.held?.c.id && (range !== focus || !stage.flight)) setRange(range, at);
      range.setAttribute("aria-valuetext", text);
      row.classList.toggle("changed", value !== this.opened[id]);
    }
  }
}

/** @param {HTMLInputElement} range @param {number} value */
function setRange(range, value) {
  range.value = String(value);
  range.style.setProperty("--at", `${(100 * value) / +(range.max || 1)}%`);
}
