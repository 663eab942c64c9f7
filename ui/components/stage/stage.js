// The stage: one instance for each mounted component. Python computes; this draws, plays and asks.
class Stage {
  frame = 0;
  playing = false;
  looping = false;
  hidden = new Set();
  panels = {};
  fields = {};
  have = {};
  values = {};
  entrant = null;
  asked = 0;
  waiting = null;
  drawn = { frames: 0, updates: 0, slides: 0, delay: [], bands: [] };

  constructor(root) {
    this.root = root.querySelector(".stage");
    this.root.stage = this;
    const find = (selector) => this.root.querySelector(selector);
    this.map = new SurfaceMap(find(".map"));
    this.curves = new Curves(find(".curves"));
    Object.assign(this, { scrub: find(".scrub"), tip: find(".tip"), panel: find(".panel"), legend: find(".legend"), speed: find(".speed") });
    this.button = Object.fromEntries([...this.root.querySelectorAll("[data-do]")].map((b) => [b.dataset.do, b]));
    const act = {
      play: () => {
        this.play(!this.playing);
        this.ask({ step: this.playing ? null : this.data.rows[this.frame] }, true);
      },
      back: () => this.pauseAt(this.data.rows[this.frame - 1] ?? 0),
      next: () => this.pauseAt(this.data.rows[this.frame + 1] ?? this.data.steps),
      loop: () => this.press("loop", (this.looping = !this.looping)),
      space: () => this.toggle("3d"),
      log: () => this.toggle("linear"),
      in: () => this.zoom(0.7),
      out: () => this.zoom(1 / 0.7),
      home: () => this.ask({ view: null }, true),
    };
    this.opened = {};
    this.return = () => location.reload(); // back and forward: the address is the race
    addEventListener("popstate", this.return);
    const problem = find(".problem");
    problem.onclick = () => (problem.hidden = true);
    for (const [name, button] of Object.entries(this.button)) button.onclick = act[name];
    this.keys = { "+": act.in, "-": act.out, 0: act.home, " ": act.play };
    this.scrub.oninput = () => this.seek(+this.scrub.value);
    this.scrub.onchange = () => this.pauseAt(+this.scrub.value);
    this.listen();
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(this.root);
    this.clock = setInterval(() => this.data && this.theme() && (this.adopt(), this.redraw()), 1000);
  }

  end() {
    removeEventListener("popstate", this.return);
    this.watch.disconnect();
    clearInterval(this.clock);
    cancelAnimationFrame(this.next);
    clearTimeout(this.due);
  }

  press(name, on) {
    this.button[name].setAttribute("aria-pressed", on);
  }

  // ---- data in

  receive(message, send) {
    this.send = send;
    if (message.seq === this.coming?.seq && message.key === this.coming.key) return;
    if (!this.remember(message)) return;
    this.coming = message;
    this.asked = Math.max(this.asked, message.seq);
    if (this.flight && message.seq >= this.flight.seq) {
      this.granted = this.flight;
      this.flight = null;
      if (message.band && this.held && !this.waiting?.released) this.waiting = null; // what was wished meanwhile is in the band
      if (this.waiting) this.post(); // before drawing, so that the next answer is under way meanwhile
    }
    clearTimeout(this.due);
    this.due = setTimeout(() => this.take(message)); // once the request is out, and no later
  }

  take(message) {
    this.due = null;
    const fresh = message.structure !== this.base?.structure;
    const drawn = message.band && message.key === this.base?.key && !this.data.shown; // a slider was grasped, no more
    this.base = message;
    if (message.band && message.band.id === this.held?.c.id) this.band = new Band(message);
    if (fresh) this.held = this.band = null;
    const data = this.slid() ?? message;
    if (data !== message || !drawn) this.draw(data, fresh);
    if (message.band && this.data.shown) this.dwell();
    if (fresh) {
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.seek(message.step ?? (still ? message.steps : 0));
      if (!still && message.step === null) this.play(true);
    }
    this.drawn.updates++;
    if (this.granted) this.drawn[message.band ? "bands" : "delay"].push(performance.now() - this.granted.since);
    this.granted = null;
  }

  draw(data, fresh) {
    const step = this.data && this.position >= this.data.steps ? data.steps : this.position;
    const wished = { ...this.flight?.values, ...this.waiting?.values }; // what is under the hand stays there
    this.data = data;
    this.values = { ...data.values, ...wished, ...data.shown };
    data.view = wished.view ?? data.view;
    data.start = wished.start ?? data.start;
    this.theme();
    this.adopt();
    if (fresh) {
      this.buildPanel();
      this.buildRows();
    }
    this.showValues();
    this.showResult();
    this.root.classList.toggle("sliding", Boolean(data.shown));
    this.scrub.max = data.steps;
    this.button.log.disabled = !data.axes.log;
    this.button.log.title = data.axes.log ? "Logarithmic or linear loss axis" : "No minimum is known here to measure the loss from";
    this.position = Math.min(step, data.steps);
    this.frame = this.frameOf(this.position);
    this.map.resize();
    this.curves.resize();
    this.redraw();
  }

  // Controls and maps come once; later messages name them. False where one is named that this instance never got.
  remember({ structure, controls, scales, fieldId, field, window, seq }) {
    if (controls) this.panels[structure] = controls.map((c) => ({ ...c, stops: scales[c.stops] }));
    const { fieldId: last } = this.have;
    this.have = { structure, fieldId };
    if (field) this.fields = { [last]: this.fields[last], [fieldId]: { z: field, n: Math.round(Math.sqrt(field.length)), window } };
    this.controls = this.panels[structure];
    if (this.controls && this.fields[fieldId]) return true;
    this.send("ask", { seq: seq + 1, values: {}, released: false });
    return false;
  }

  // Whether the page's theme has changed.
  theme() {
    const before = this.colours;
    this.colours = themed(this.root, this.data.theme, before);
    return this.colours !== before;
  }

  // ---- asking: one request under way, the newest wishes waiting

  ask(values, released, band = this.waiting?.band) {
    Object.assign(this.values, values);
    this.waiting = { values: { ...this.waiting?.values, ...values }, released, band };
    if (!this.flight || performance.now() - this.flight.since > 5000) this.post();
  }

  post() {
    this.flight = { seq: ++this.asked, since: performance.now(), values: this.waiting.values };
    this.send("ask", { seq: this.asked, structure: this.have.structure, field: this.have.fieldId, ...this.waiting });
    this.waiting = null;
  }

  // ---- playing

  play(on) {
    if (on && this.position >= this.data.steps) this.seek(0);
    this.playing = on;
    this.button.play.textContent = on ? "❚❚" : "▶";
    this.button.play.setAttribute("aria-label", on ? "Pause" : "Play");
    this.since = null;
    cancelAnimationFrame(this.next);
    if (on) this.next = requestAnimationFrame((now) => this.tick(now));
  }

  tick(now) {
    const { steps } = this.data;
    const rate = (steps / clamp(steps / 60, 3, 9)) * this.speed.value;
    const position = this.position + (this.since === null ? 0 : ((now - this.since) / 1000) * rate);
    this.since = now;
    this.drawn.frames++;
    this.seek(position);
    this.position = position;
    if (position >= steps) {
      if (this.looping && position > steps + rate) this.seek(0);
      else if (!this.looping) return this.play(false);
    }
    this.next = requestAnimationFrame((then) => this.tick(then));
  }

  // Where a person leaves it is where the link opens it.
  pauseAt(step) {
    this.seek(step);
    if (!this.playing) this.ask({ step: this.data.rows[this.frame] }, true);
  }

  seek(step) {
    this.position = clamp(step, 0, this.data.steps);
    this.show(this.frameOf(this.position));
  }

  show(frame) {
    const from = frame < this.frame ? 0 : this.frame;
    this.frame = frame;
    if (from !== frame || frame === 0) this.extend(from, frame);
    this.map.drawHeads(frame, this.hidden);
    this.curves.drawHeads(frame, this.hidden);
    const { steps, stride, rows } = this.data;
    setRange(this.scrub, rows[frame]);
    this.scrub.setAttribute("aria-valuetext", `step ${rows[frame]}`);
    this.root.querySelector(".step").textContent = `step ${rows[frame]} / ${steps}${stride > 1 ? `, every ${stride}th` : ""}`;
  }

  // The last frame that is not after the step.
  frameOf(step) {
    const { rows } = this.data;
    let [from, to] = [0, rows.length - 1];
    while (from < to) {
      const middle = Math.ceil((from + to) / 2);
      if (rows[middle] <= step) from = middle;
      else to = middle - 1;
    }
    return from;
  }

  extend(from, to) {
    this.map.drawTrail(from, to, this.hidden);
    this.curves.drawTrail(from, to, this.hidden);
  }

  redraw() {
    if (!this.data || !this.map.w) return;
    this.map.place();
    this.curves.place();
    this.map.drawBack();
    this.curves.drawBack(this.hidden);
    this.extend(0, this.frame);
    this.show(this.frame);
  }

  resize() {
    if (this.data && this.map.resize() | this.curves.resize()) this.redraw();
  }

  // The relief and the linear axis: shown at once, and kept in the link.
  toggle(name) {
    const look = new Set(this.data.look);
    if (!look.delete(name)) look.add(name);
    this.data.look = [...look];
    this.adopt();
    this.redraw();
    this.ask({ look: this.data.look }, true);
  }

  adopt() {
    this.hidden = new Set(this.data.hidden);
    this.map.relief = this.data.look.includes("3d");
    this.curves.log = !this.data.look.includes("linear");
    this.press("space", this.map.relief);
    this.press("log", this.curves.log);
    this.map.ground = this.data.ground ?? this.fields[this.data.fieldId] ?? this.map.ground;
    this.map.take(this.data, this.colours);
    this.curves.take(this.data, this.colours);
  }

  // ---- the map under the hand

  listen() {
    const figure = this.map.figure;
    const where = (e) => {
      const box = figure.getBoundingClientRect();
      return [e.clientX - box.left, e.clientY - box.top];
    };
    let grip = null;
    figure.onpointerdown = (e) => {
      if (e.button || e.target.closest("button")) return;
      const [px, py] = where(e);
      const [sx, sy] = this.map.project(...this.data.start, this.map.groundAt(...this.data.start));
      const onStart = Math.hypot(px - sx, py - sy) < 14;
      grip = { px, py, what: onStart ? "start" : this.map.relief ? "camera" : "view", view: this.data.view, camera: { ...this.map.camera } };
      figure.setPointerCapture(e.pointerId);
    };
    figure.onpointermove = (e) => {
      const [px, py] = where(e);
      if (!grip) return this.point(this.map, this.map.nearest(px, py, this.frame, this.hidden), px, py);
      if (!grip.moved && Math.hypot(px - grip.px, py - grip.py) < 4) return;
      grip.moved = true;
      this.tip.hidden = true;
      if (grip.what === "start") this.moveStart(this.map.unproject(px, py), false);
      else if (grip.what === "camera") {
        this.map.camera.turn = grip.camera.turn - (px - grip.px) / 150;
        this.map.camera.rise = clamp(grip.camera.rise + (py - grip.py) / 200, 0.25, 1.5);
        this.map.turning = true;
        this.redraw();
      } else {
        const [x0, x1, y0, y1] = grip.view;
        const [dx, dy] = [((grip.px - px) / this.map.w) * (x1 - x0), ((py - grip.py) / this.map.h) * (y1 - y0)];
        this.look([x0 + dx, x1 + dx, y0 + dy, y1 + dy], false);
      }
    };
    figure.onpointerup = (e) => {
      if (!grip) return;
      const [px, py] = where(e);
      const { moved, what } = grip;
      grip = null;
      if (!moved || what === "start") {
        this.moveStart(this.map.unproject(px, py), true);
        if (!moved) this.seek(0), this.play(true);
      } else if (what === "view") this.look(this.data.view, true);
      else {
        this.map.turning = false;
        this.redraw();
      }
    };
    figure.onpointercancel = () => (grip = null);
    figure.onpointerleave = () => (this.tip.hidden = true);
    figure.addEventListener("wheel", (e) => {
      if (!e.ctrlKey && !e.metaKey) return;
      e.preventDefault();
      this.zoom(Math.exp(e.deltaY / 400), where(e));
    }, { passive: false });
    figure.onkeydown = (e) => {
      const [x0, x1] = this.data.view;
      const hop = (e.shiftKey ? 0.05 : 0.01) * (x1 - x0);
      const move = { ArrowLeft: [-hop, 0], ArrowRight: [hop, 0], ArrowUp: [0, hop], ArrowDown: [0, -hop] }[e.key];
      const [x, y] = this.data.start;
      const act = move ? () => this.moveStart([x + move[0], y + move[1]], true) : this.keys[e.key];
      if (!act || e.target.closest("button")) return;
      e.preventDefault();
      act();
    };
    const curves = this.curves.figure;
    curves.onpointermove = (e) => {
      const box = curves.getBoundingClientRect();
      const [px, py] = [e.clientX - box.left, e.clientY - box.top];
      if (e.buttons === 1) this.seek(((px - this.curves.box.left) / (this.curves.box.right - this.curves.box.left)) * this.data.steps);
      this.point(this.curves, this.curves.nearest(px, py, this.frame, this.hidden), px, py);
    };
    curves.onpointerleave = () => (this.tip.hidden = true);
  }

  moveStart(place, released) {
    const [x0, x1] = this.data.view;
    const digits = clamp(Math.ceil(3.3 - Math.log10(x1 - x0)), 0, 12); // to half a pixel or so
    const [x, y] = place.map((v) => +v.toFixed(digits));
    this.data.start = [x, y];
    this.map.drawHeads(this.frame, this.hidden);
    this.ask({ start: [x, y] }, released);
  }

  look(view, released) {
    const wide = view[1] - view[0];
    const { window } = this.map.grid;
    if (!(wide > 1e-6 * Math.max(1, ...view.map(Math.abs)) && Math.max(...view.map(Math.abs)) < 1e5 + Math.abs(window[0]))) return;
    this.data.view = view;
    this.redraw();
    this.ask({ view }, released);
  }

  zoom(by, [px, py] = [this.map.w / 2, this.map.h / 2]) {
    const [x0, x1, y0, y1] = this.data.view;
    const [x, y] = this.map.relief ? [(x0 + x1) / 2, (y0 + y1) / 2] : this.map.unproject(px, py);
    this.look([x + by * (x0 - x), x + by * (x1 - x), y + by * (y0 - y), y + by * (y1 - y)], true);
  }

  point(layers, hit, px, py) {
    this.tip.hidden = !hit;
    if (!hit) return;
    const { data } = this;
    const k = hit.r * data.frames + hit.f;
    this.tip.textContent =
      `${data.runs[hit.r].title}, step ${data.rows[hit.f]}\nx ${readable(data.x[2 * k])}   y ${readable(data.x[2 * k + 1])}\n` +
      `loss ${readable(data.loss[k])}   |gradient| ${data.slope ? readable(data.slope[k]) : "…"}`;
    const left = layers.figure.offsetLeft + px;
    const wide = layers.figure.parentElement.clientWidth;
    Object.assign(this.tip.style, { left: `${clamp(left + 14, 0, wide - 220)}px`, top: `${layers.figure.offsetTop + py + 16}px` });
  }

  // ---- controls

  buildPanel() {
    this.inputs = {};
    const groups = new Map();
    for (const c of this.controls) groups.set(c.group, [...(groups.get(c.group) ?? []), c]);
    const own = this.data.runs.filter((run) => groups.has(run.key));
    if (!own.some((run) => run.key === this.entrant)) this.entrant = own[0]?.key;
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
          this.buildPanel();
          this.showValues();
          this.panel.querySelector("select").focus();
        };
        const line = make("div", { className: "pick" });
        line.append(make("span", { textContent: "Rule" }), pick);
        box.append(line);
      } else box.append(make(controls[0].folded ? "summary" : "legend", { textContent: name }));
      if (controls[0].folded) {
        box.open = this.folds?.[name] ?? controls.some((c) => this.values[c.id] !== c.default);
        box.ontoggle = () => (this.folds = { ...this.folds, [name]: box.open });
      }
      for (const c of controls) box.append(this.slider(c));
      if (controls.some((c) => c.id === "steps")) box.append(this.startRow());
      parts.push(box);
    }
    this.panel.replaceChildren(...parts);
  }

  slider(c) {
    const row = make("div", { className: "control", title: c.help });
    const label = make("label", { textContent: c.label, htmlFor: c.id });
    const first = (this.opened[c.id] ??= this.values[c.id]); // as it was when it was first seen here
    const reset = make("button", { className: "reset", textContent: "↺", title: `Back to ${first}`, ariaLabel: `Reset ${c.label}` });
    const number = make("input", { className: "number", inputMode: "decimal", ariaLabel: `${c.label}, exact value` });
    const range = make("input", { type: "range", id: c.id, min: 0, max: c.stops.length - 1, step: 1 });
    const ask = (released) => this.ask({ [c.id]: c.stops[range.value] }, released);
    range.onpointerdown = () => c.band && this.hold(c, range);
    range.onpointerup = range.onpointercancel = () => this.release(c, range);
    range.oninput = () => {
      setRange(range, range.value);
      if (this.held && this.band) return this.slide();
      ask(false);
      this.showValues();
    };
    range.onchange = () => ask(true);
    number.onchange = () => this.ask({ [c.id]: number.value }, true);
    number.onkeydown = (e) => {
      if (e.key === "Escape") number.value = this.textOf(c);
    };
    reset.onclick = () => this.ask({ [c.id]: first }, true);
    row.append(label, reset, number, range);
    this.inputs[c.id] = { c, row, number, range };
    return row;
  }

  // A slider is grasped: its band is fetched, and from then on the picture follows the hand without the server.
  hold(c, range) {
    this.held = { c, range };
    this.band = null;
    this.ask({}, false, c.id);
  }

  release(c, range) {
    const value = c.stops[range.value];
    clearTimeout(this.rest);
    this.held = null;
    if (this.data.shown && value === this.base.values[c.id]) this.ask({ [c.id]: value }, true); // no change, so no event
  }

  // Where the hand rests the exact picture follows.
  dwell() {
    clearTimeout(this.rest);
    const { c, range } = this.held;
    this.rest = setTimeout(() => this.ask({ [c.id]: c.stops[range.value] }, false), 150);
  }

  slide() {
    this.dwell();
    this.sliding ??= requestAnimationFrame(() => {
      this.sliding = null;
      const data = this.slid();
      if (!data) return;
      this.draw(data);
      this.drawn.slides++;
    });
  }

  // The picture of the held slider's place, from the band; nothing where the last message shows just that.
  slid() {
    if (!this.band || !this.held) return null;
    const { c, range } = this.held;
    if (c.stops[range.value] === this.base.values[c.id]) return null;
    const i = this.band.nearest(range.value);
    return this.band.at(i, this.base, c.stops[this.band.stops[i]]);
  }

  startRow() {
    const row = make("div", { className: "control start", title: "Where every run starts: click the map, drag the cross, or type x, y." });
    this.startText = make("input", { className: "number", id: "start", ariaLabel: "Start: x, y" });
    this.startText.onchange = () => this.ask({ start: this.startText.value.split(/[,;\s]+/).filter(Boolean).map((v) => (Number.isFinite(+v) ? +v : v)) }, true);
    const reset = make("button", { className: "reset", textContent: "↺", title: "Back to the surface's own start", ariaLabel: "Reset start" });
    reset.onclick = () => this.ask({ start: null }, true);
    row.append(make("label", { textContent: "start", htmlFor: "start" }), reset, this.startText);
    return row;
  }

  textOf({ id, off }) {
    const value = this.values[id];
    return value === off ? "off" : String(typeof value === "number" ? +value.toPrecision(6) : value);
  }

  showValues() {
    this.startText.closest(".control").classList.toggle("changed", this.data.moved);
    this.startText.value = this.data.start.map((v) => +v.toPrecision(4)).join(", ");
    const focus = this.root.getRootNode().activeElement;
    for (const [id, { c, row, number, range }] of Object.entries(this.inputs)) {
      const value = this.values[id];
      const text = this.textOf(c);
      if (number !== focus || !this.flight) number.value = text;
      const nearest = c.stops.reduce((best, stop, i) => (Math.abs(stop - value) < Math.abs(c.stops[best] - value) ? i : best), 0);
      const at = c.stops.includes(value) ? c.stops.indexOf(value) : nearest;
      if (id !== this.held?.c.id && (range !== focus || !this.flight)) setRange(range, at);
      range.setAttribute("aria-valuetext", text);
      row.classList.toggle("changed", value !== this.opened[id]);
    }
  }

  // The legend and the table are built for a set of rules; after that only their texts change.
  buildRows() {
    this.rows = this.data.runs.map((run) => {
      const chip = make("button", { title: `Show or hide ${run.title}` });
      chip.onclick = () => {
        if (!this.hidden.delete(run.key)) this.hidden.add(run.key);
        this.data.hidden = [...this.hidden];
        this.redraw();
        this.showResult();
        this.ask({ hidden: this.data.hidden }, true);
      };
      const note = make("small");
      chip.append(dot(run.colour), run.title, note);
      const cells = run.cells.map(() => make("td"));
      const line = make("tr");
      const name = make("span");
      cells[0].append(dot(run.colour), name);
      line.append(...cells);
      return { chip, note, line, texts: [name, ...cells.slice(1)] };
    });
    this.titles = this.data.columns.map(() => make("th", { scope: "col" }));
    this.legend.replaceChildren(...this.rows.map((row) => row.chip));
    const head = make("tr");
    head.append(...this.titles);
    this.root.querySelector(".scroll table").replaceChildren(head, ...this.rows.map((row) => row.line));
  }

  showResult() {
    const { verdict, problems, columns, runs } = this.data;
    const problem = this.root.querySelector(".problem");
    problem.hidden = !problems.length;
    write(problem, problems.join(" "));
    write(this.root.querySelector(".verdict"), verdict);
    columns.forEach(([text, title], i) => write(this.titles[i], text) || (this.titles[i].title = title));
    runs.forEach((run, r) => {
      const { chip, note, texts, line } = this.rows[r];
      line.classList.toggle("off", this.hidden.has(run.key));
      chip.setAttribute("aria-pressed", !this.hidden.has(run.key));
      write(note, run.stopped !== null ? `✕ step ${run.stopped}` : run.left !== null ? `▼ step ${run.left}` : "");
      run.cells.forEach((text, i) => write(texts[i], text));
    });
    const order = this.rows.map((row) => row.line);
    runs.forEach((run, r) => (order[run.place] = this.rows[r].line));
    const [, ...lines] = this.root.querySelectorAll(".scroll tr");
    if (order.some((line, i) => line !== lines[i])) lines[0].parentNode.append(...order);
  }
}

function setRange(range, value) {
  range.value = value;
  range.style.setProperty("--at", `${(100 * value) / (range.max || 1)}%`);
}

const stages = new WeakMap();

function unpacked(bytes) {
  const message = decode(bytes);
  message.rows = Array.from({ length: message.frames }, (_, f) => Math.min(f * message.stride, message.steps));
  message.loss = Float64Array.from(message.gap, (v) => v + message.floor);
  return message;
}

// The component's entry: one stage of a kind for each place it is mounted at.
function mounted(Kind) {
  return ({ data, parentElement, setStateValue }) => {
    if (!stages.has(parentElement)) stages.set(parentElement, new Kind(parentElement));
    const stage = stages.get(parentElement);
    stage.receive(unpacked(data), setStateValue);
    return () => {
      stage.end();
      stages.delete(parentElement);
    };
  };
}
