// @ts-check
/** @typedef {{ [name: string]: Setting | Setting[], start?: Setting[], view?: View }} Wish */
/** @typedef {(name: "ask", value: object) => void} Send */

// The stage: one instance for each mounted component. Python computes; this draws, plays and asks.
class Stage {
  frame = 0;
  playing = false;
  looping = false;
  /** @type {Set<string>} */ hidden = new Set();
  /** @type {Record<string, Control[]>} */ panels = {};
  /** @type {Record<string, Grid>} */ fields = {};
  /** @type {{ structure?: string, fieldId?: string }} */ have = {};
  /** @type {StageMessage["values"]} */ values = {};
  asked = 0;
  /** @type {{ values: Wish, released: boolean, band?: string }} */ waiting = null;
  /** @type {{ seq: number, since: number, values: Wish }} */ flight;
  /** @type {{ c: Control, range: HTMLInputElement }} */ held;
  /** @type {Picture} */ data;
  /** @type {Colours} */ colours;
  /** @type {number} */ position;
  /** @type {{ frames: number, updates: number, slides: number, delay: number[], bands: number[] }} */
  drawn = { frames: 0, updates: 0, slides: 0, delay: [], bands: [] };

  /** @param {HTMLElement} root */
  constructor(root) {
    /** @type {HTMLElement & { stage?: Stage }} */
    this.root = root.querySelector(".stage");
    this.root.stage = this;
    /** @type {(selector: string) => HTMLElement} */
    const find = (selector) => this.root.querySelector(selector);
    this.map = new SurfaceMap(find(".map"));
    this.curves = new Curves(find(".curves"));
    this.problem = find(".problem");
    /** @type {HTMLInputElement} */
    this.scrub = this.root.querySelector(".scrub");
    /** @type {HTMLSelectElement} */
    this.speed = this.root.querySelector(".speed");
    /** @type {NodeListOf<HTMLButtonElement>} */
    const buttons = this.root.querySelectorAll("[data-do]");
    this.button = Object.fromEntries([...buttons].map((b) => [b.dataset.do, b]));
    /** @type {Record<string, () => void>} */
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
      in: () => this.hand.zoom(0.7),
      out: () => this.hand.zoom(1 / 0.7),
      home: () => this.ask({ view: null }, true),
    };
    this.return = () => location.reload(); // back and forward: the address is the race
    addEventListener("popstate", this.return);
    this.problem.onclick = () => (this.problem.hidden = true);
    for (const [name, button] of Object.entries(this.button)) button.onclick = act[name];
    /** @type {Record<string, () => void>} */
    this.keys = { "+": act.in, "-": act.out, 0: act.home, " ": act.play };
    this.scrub.oninput = () => this.seek(+this.scrub.value);
    this.scrub.onchange = () => this.pauseAt(+this.scrub.value);
    this.hand = new Hand(this, find(".tip"));
    this.sliders = new Sliders(this, find(".panel"));
    this.results = new Results(this, find(".legend"));
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

  /** @param {string} name @param {boolean} on */
  press(name, on) {
    this.button[name].setAttribute("aria-pressed", String(on));
  }

  // ---- data in

  /** @param {Picture} message @param {Send} send */
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

  /** @param {Picture} message */
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

  /** @param {Picture} data @param {boolean} [fresh] */
  draw(data, fresh) {
    const step = this.data && this.position >= this.data.steps ? data.steps : this.position;
    const wished = { ...this.flight?.values, ...this.waiting?.values }; // what is under the hand stays there
    this.data = data;
    this.values = /** @type {StageMessage["values"]} */ ({ ...data.values, ...wished, ...data.shown }); // asked for by a slider's name alone
    data.view = wished.view ?? data.view;
    // One that was typed may be no place: it waits for the answer, which says so.
    if (wished.start?.length === 2 && wished.start.every(Number.isFinite)) data.start = /** @type {Place} */ (wished.start);
    this.theme();
    this.adopt();
    if (fresh) {
      this.sliders.build();
      this.results.build();
    }
    this.sliders.show();
    this.results.show();
    this.root.classList.toggle("sliding", Boolean(data.shown));
    this.scrub.max = String(data.steps);
    this.button.log.disabled = !data.axes.log;
    this.button.log.title = data.axes.log ? "Logarithmic or linear loss axis" : "No minimum is known here to measure the loss from";
    this.position = Math.min(step, data.steps);
    this.frame = this.frameOf(this.position);
    this.map.resize();
    this.curves.resize();
    this.redraw();
  }

  // Controls and maps come once; later messages name them. False where one is named that this instance never got.
  /** @param {Picture} message */
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

  /** @param {Wish} values @param {boolean} released */
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

  /** @param {boolean} on */
  play(on) {
    if (on && this.position >= this.data.steps) this.seek(0);
    this.playing = on;
    this.button.play.textContent = on ? "❚❚" : "▶";
    this.button.play.setAttribute("aria-label", on ? "Pause" : "Play");
    this.since = null;
    cancelAnimationFrame(this.next);
    if (on) this.next = requestAnimationFrame((now) => this.tick(now));
  }

  /** @param {number} now */
  tick(now) {
    const { steps } = this.data;
    const rate = (steps / clamp(steps / 60, 3, 9)) * +this.speed.value;
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
  /** @param {number} step */
  pauseAt(step) {
    this.seek(step);
    if (!this.playing) this.ask({ step: this.data.rows[this.frame] }, true);
  }

  /** @param {number} step */
  seek(step) {
    this.position = clamp(step, 0, this.data.steps);
    this.show(this.frameOf(this.position));
  }

  /** @param {number} frame */
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
  /** @param {number} step */
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

  /** @param {number} from @param {number} to */
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
    if (this.data && [this.map.resize(), this.curves.resize()].includes(true)) this.redraw();
  }

  // The relief and the linear axis: shown at once, and kept in the link.
  /** @param {string} name */
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

  // A slider is grasped: its band is fetched, and from then on the picture follows the hand without the server.
  /** @param {Control} c @param {HTMLInputElement} range */
  hold(c, range) {
    this.held = { c, range };
    this.band = null;
    this.ask({}, false, c.id);
  }

  /** @param {Control} c @param {HTMLInputElement} range */
  release(c, range) {
    const value = c.stops[+range.value];
    clearTimeout(this.rest);
    this.held = null;
    if (this.data.shown && value === this.base.values[c.id]) this.ask({ [c.id]: value }, true); // no change, so no event
  }

  // Where the hand rests the exact picture follows.
  dwell() {
    clearTimeout(this.rest);
    const { c, range } = this.held;
    this.rest = setTimeout(() => this.ask({ [c.id]: c.stops[+range.value] }, false), 150);
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
    if (c.stops[+range.value] === this.base.values[c.id]) return null;
    const i = this.band.nearest(+range.value);
    return this.band.at(i, this.base, c.stops[this.band.told.stops[i]]);
  }

}

/** @type {WeakMap<Element, Stage>} */
const stages = new WeakMap();

/** @param {Uint8Array} bytes */
function unpacked(bytes) {
  /** @type {Picture} */
  const message = decode(bytes);
  message.rows = Array.from({ length: message.frames }, (_, f) => Math.min(f * message.stride, message.steps));
  message.loss = Float64Array.from(message.gap, (v) => v + message.floor);
  return message;
}

// The component's entry: one stage of a kind for each place it is mounted at.
/** @param {typeof Stage} Kind */
function mounted(Kind) {
  /** @param {{ data: Uint8Array, parentElement: HTMLElement, setStateValue: Send }} place */
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
