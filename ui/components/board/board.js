// @ts-check
/** @typedef {BoardMessage & BoardArrays} BoardData */

// One quantity against the steps of a training, a line a run.
class Panel extends Layers {
  constructor() {
    const figure = sheet();
    super(figure);
    this.box = make("div");
    this.title = make("b");
    this.now = make("span", { className: "now" });
    this.box.append(this.title, this.now, figure);
    figure.onpointermove = (e) => this.point(e.offsetX);
    figure.onpointerleave = () => this.point(null);
  }

  /** @param {PanelHeader} panel @param {BoardData} message @param {Colours} colours */
  take(panel, message, colours) {
    this.panel = panel;
    this.message = message;
    this.colours = colours;
    this.log = panel.scale === "log";
    write(this.title, panel.title);
    this.resize();
    const seen = panel.lines.flatMap((line) => [line.values, line.low ?? [], line.high ?? []].flat()).filter((v) => v !== null && (!this.log || v > 0));
    const scaled = this.log ? seen.map(Math.log10) : seen;
    let [low, high] = [Math.min(...scaled), Math.max(...scaled)];
    if (panel.scale === "share") [low, high] = [Math.min(low, 0.9), 1];
    if (!(high > low)) [low, high] = Number.isFinite(low) ? [low - 0.5, low + 0.5] : [0, 1];
    this.low = low;
    this.high = high;
    this.draw();
    this.point(this.at);
  }

  /** @param {number} step */
  x(step) {
    return 44 + (step / this.message.steps) * (this.w - 54);
  }

  /** @param {number} v */
  y(v) {
    if (this.log && v <= 0) return this.h - 19; // true zero, below all that a logarithm can tell
    return this.h - 24 - (((this.log ? Math.log10(v) : v) - this.low) / (this.high - this.low)) * (this.h - 36);
  }

  draw() {
    const g = this.back;
    this.clear(g);
    g.font = `11px ${this.colours.font}`;
    g.fillStyle = this.colours.text;
    g.strokeStyle = this.colours.line;
    g.lineWidth = 1;
    g.textAlign = "right";
    const values = this.log && this.high - this.low > 1.5 ? ticks(Math.floor(this.low), Math.ceil(this.high), 6).filter(Number.isInteger).map((p) => 10 ** p) : this.log ? ticks(10 ** this.low, 10 ** this.high, 5) : ticks(this.low, this.high, 5);
    for (const v of values) {
      const y = this.y(v);
      if (!(y > 4 && y < this.h - 18)) continue;
      g.beginPath();
      g.moveTo(44, y);
      g.lineTo(this.w - 10, y);
      g.stroke();
      g.fillText(readable(v), 40, y + 4);
    }
    if (this.log && this.panel.lines.some((line) => line.values.includes(0))) g.fillText("0", 40, this.y(0) + 1);
    g.textAlign = "center";
    for (const v of ticks(0, this.message.steps, 5)) if (v === Math.round(v)) g.fillText(String(v), Math.min(this.x(v), this.w - 16), this.h - 6);
    for (const line of this.panel.lines) {
      const { colour, forked } = this.message.runs[line.run];
      g.strokeStyle = g.fillStyle = colour;
      if (line.low) this.band(g, line);
      g.lineWidth = line.dashed ? 1.25 : 2;
      g.globalAlpha = line.dashed ? 0.7 : 1;
      g.setLineDash(line.dashed ? [3, 4] : []);
      trace(g, line.values.map((v, i) => this.on(v) && [this.x(line.steps[i]), this.y(v)]));
      g.setLineDash([]);
      if (forked !== undefined && !line.dashed && this.on(line.values[0])) {
        g.beginPath();
        g.arc(this.x(line.steps[0]), this.y(line.values[0]), 4, 0, 7);
        g.fill();
      }
      g.globalAlpha = 1;
      if (!line.dashed && /diverged|failed/.test(this.message.runs[line.run].fate)) this.cross(g, line);
    }
  }

  // Where a run was last before it diverged.
  /** @param {Pen} g @param {PanelCurve} line */
  cross(g, { steps, values }) {
    const last = values.findLastIndex((v) => this.on(v));
    if (last < 0) return;
    const [x, y] = [this.x(steps[last]), this.y(values[last])];
    g.beginPath();
    for (const s of [1, -1]) {
      g.moveTo(x - 5, y - 5 * s);
      g.lineTo(x + 5, y + 5 * s);
    }
    g.stroke();
  }

  /** @param {number | null} v */
  on(v) {
    return v !== null;
  }

  // Between the quartiles over the seeds.
  /** @param {Pen} g @param {PanelCurve} line */
  band(g, { steps, low, high }) {
    const there = steps.map((_, i) => i).filter((i) => this.on(low[i]) && this.on(high[i]));
    if (!there.length) return;
    g.globalAlpha = 0.16;
    g.beginPath();
    for (const i of there) g.lineTo(this.x(steps[i]), this.y(high[i]));
    for (const i of there.reverse()) g.lineTo(this.x(steps[i]), this.y(low[i]));
    g.fill();
    g.globalAlpha = 1;
  }

  // What every run is at, where the pointer is.
  /** @param {number | null} at */
  point(at) {
    this.at = at;
    const g = this.head;
    this.clear(g);
    const lines = this.panel.lines.filter((line) => !line.dashed && line.steps.length);
    if (at === null || at === undefined || !lines.length) return write(this.now, "");
    /** @param {number[]} steps */
    const near = (steps) => steps.reduce((best, step, k) => (Math.abs(this.x(step) - at) < Math.abs(this.x(steps[best]) - at) ? k : best), 0);
    const step = lines[0].steps[near(lines[0].steps)];
    g.strokeStyle = this.colours.text;
    g.globalAlpha = 0.5;
    g.beginPath();
    g.moveTo(this.x(step), 6);
    g.lineTo(this.x(step), this.h - 22);
    g.stroke();
    g.globalAlpha = 1;
    const told = lines.filter((line) => line.steps[0] <= step).map((line) => {
      const v = line.values[near(line.steps)];
      return `${this.message.runs[line.run].title} ${v === null ? "–" : readable(v)}`;
    });
    write(this.now, `step ${step}: ` + told.join(", "));
  }
}

// What one run says of every point of the plane, and the points it learns from.
class Plane extends Layers {
  constructor() {
    const figure = sheet();
    super(figure);
    this.box = make("div");
    this.title = make("b");
    this.box.append(this.title, figure);
  }

  /** @param {RunName} run @param {Uint8Array} winners @param {Uint8Array} shares @param {BoardData} message @param {Colours} colours */
  take(run, winners, shares, { window: [x0, x1, y0, y1], points, classes }, colours) {
    write(this.title, run.title);
    this.resize();
    /** @param {number} number */
    const tintOf = (number) => colours.classes[number % colours.classes.length]; // a table may have more classes than we colours
    const side = Math.sqrt(shares.length);
    const picture = new ImageData(side, side);
    for (let i = 0; i < shares.length; i++) {
      const to = 4 * (side * (side - 1 - Math.floor(i / side)) + (i % side));
      const tint = tintOf(winners[i]);
      for (let c = 0; c < 3; c++) picture.data[to + c] = tint[c];
      picture.data[to + 3] = 30 + (150 * (shares[i] / 255 - 1 / classes)) / (1 - 1 / classes);
    }
    const small = new OffscreenCanvas(side, side);
    small.getContext("2d").putImageData(picture, 0, 0);
    this.clear(this.back);
    this.back.imageSmoothingQuality = "high";
    this.back.drawImage(small, 0, 0, this.w, this.h);
    for (let k = 0; k < points.length; k += 3) {
      this.back.fillStyle = `rgb(${tintOf(points[k + 2])})`;
      this.back.beginPath();
      this.back.arc(((points[k] - x0) / (x1 - x0)) * this.w, (1 - (points[k + 1] - y0) / (y1 - y0)) * this.h, 1.8, 0, 7);
      this.back.fill();
    }
  }
}

class Board {
  /** @param {HTMLElement} root */
  constructor(root) {
    /** @type {HTMLElement & { board?: Board }} */
    this.root = root.querySelector(".board");
    this.root.board = this;
    this.bar = make("div", { className: "bar", role: "progressbar" });
    this.told = make("div", { className: "told" });
    this.left = make("span");
    this.right = make("span");
    this.told.append(this.left, this.right);
    this.names = make("div", { className: "names" });
    this.key = make("div", { className: "told", textContent: "Solid: on the validation set. Dashed: mean over the minibatches since the last mark." });
    this.panelBox = make("div", { className: "panels" });
    this.planeBox = make("div", { className: "planes" });
    this.root.replaceChildren(this.bar, this.told, this.names, this.key, this.panelBox, this.planeBox); // mounted again it finds its old self
    /** @type {Panel[]} */
    this.panels = [];
    /** @type {Plane[]} */
    this.planes = [];
    this.watch = new ResizeObserver(() => this.message && this.draw());
    this.watch.observe(this.root);
    this.clock = setInterval(() => this.message && this.draw(true), 1000);
  }

  end() {
    this.watch.disconnect();
    clearInterval(this.clock);
  }

  /** @param {BoardData} message */
  receive(message) {
    this.message = message;
    this.draw();
  }

  // All that there is; with `themeOnly` nothing unless the page's theme has changed.
  draw(themeOnly = false) {
    const { runs, steps, share, seconds, state, waiting, panels, winners, shares } = this.message;
    const colours = themed(this.root, this.message.theme, this.colours);
    if (themeOnly && colours === this.colours) return;
    this.colours = colours;
    this.bar.style.setProperty("--at", `${100 * share}%`);
    this.bar.setAttribute("aria-valuenow", String(Math.round(100 * share)));
    const pace = seconds > 0 ? (share * steps) / seconds : 0;
    const step = Math.round(share * steps);
    write(this.left, waiting ? waiting : state === "done" ? `${step} steps done` : `${{ running: "Step", paused: "Paused at step", stopped: "Stopped at step" }[state]} ${step} of ${steps}`);
    write(this.right, pace ? `${readable(+pace.toPrecision(3))} steps a second, ${state === "running" ? `${Math.ceil((steps * (1 - share)) / pace)} s left` : `${seconds.toFixed(1)} s in all`}` : "");
    this.names.replaceChildren(...runs.map((run) => {
      const name = make("span");
      name.append(dot(run.colour), run.title + (run.fate ? ` – ${run.fate}` : ""));
      return name;
    }));
    this.key.hidden = !panels.length;
    this.fit(this.panels, panels.length, Panel, this.panelBox);
    panels.forEach((panel, i) => this.panels[i].take(panel, this.message, colours));
    this.fit(this.planes, shares ? runs.length : 0, Plane, this.planeBox);
    const each = shares ? shares.length / runs.length : 0;
    this.planes.forEach((one, r) => {
      const [from, to] = [r * each, (r + 1) * each];
      one.take(runs[r], winners.subarray(from, to), shares.subarray(from, to), this.message, colours);
    });
  }

  /** @template {{ box: HTMLElement }} T @param {T[]} list @param {number} many @param {new () => T} Kind @param {HTMLElement} box */
  fit(list, many, Kind, box) {
    while (list.length > many) list.pop().box.remove();
    while (list.length < many) {
      list.push(new Kind());
      box.append(list.at(-1).box);
    }
  }
}

/** @type {WeakMap<Element, Board>} */
const boards = new WeakMap();

/** @param {{ data: Uint8Array, parentElement: HTMLElement }} place */
export default ({ data, parentElement }) => {
  if (!boards.has(parentElement)) boards.set(parentElement, new Board(parentElement));
  const board = boards.get(parentElement);
  board.receive(decode(data));
  return () => {
    board.end();
    boards.delete(parentElement);
  };
};
