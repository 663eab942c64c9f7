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

  take(panel, message, colours) {
    Object.assign(this, { panel, message, colours, log: panel.scale === "log" });
    write(this.title, panel.title);
    this.resize();
    const seen = panel.values.flat().filter((v) => v !== null && (!this.log || v > 0));
    const scaled = this.log ? seen.map(Math.log10) : seen;
    let [low, high] = [Math.min(...scaled), Math.max(...scaled)];
    if (panel.scale === "share") [low, high] = [Math.min(low, 0.9), 1];
    if (!(high > low)) [low, high] = Number.isFinite(low) ? [low - 0.5, low + 0.5] : [0, 1];
    Object.assign(this, { low, high });
    this.draw();
    this.point(this.at);
  }

  x(step) {
    return 44 + (step / this.message.steps) * (this.w - 54);
  }

  y(v) {
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
    g.textAlign = "center";
    for (const v of ticks(0, this.message.steps, 5)) if (v === Math.round(v)) g.fillText(String(v), Math.min(this.x(v), this.w - 16), this.h - 6);
    g.lineWidth = 2;
    this.message.runs.forEach((run, r) => {
      g.strokeStyle = run.colour;
      g.beginPath();
      let open = false;
      this.panel.values[r].forEach((v, i) => {
        const on = v !== null && (!this.log || v > 0);
        if (on) open ? g.lineTo(this.x(this.panel.steps[i]), this.y(v)) : g.moveTo(this.x(this.panel.steps[i]), this.y(v));
        open = on;
      });
      g.stroke();
    });
  }

  // What every run is at, where the pointer is.
  point(at) {
    this.at = at;
    const g = this.head;
    this.clear(g);
    const { steps, values } = this.panel;
    if (at === null || at === undefined || !steps.length) return write(this.now, "");
    const i = steps.reduce((best, step, k) => (Math.abs(this.x(step) - at) < Math.abs(this.x(steps[best]) - at) ? k : best), 0);
    g.strokeStyle = this.colours.text;
    g.globalAlpha = 0.5;
    g.beginPath();
    g.moveTo(this.x(steps[i]), 6);
    g.lineTo(this.x(steps[i]), this.h - 22);
    g.stroke();
    g.globalAlpha = 1;
    write(this.now, `step ${steps[i]}: ` + this.message.runs.map((run, r) => `${run.title} ${values[r][i] === null ? "–" : readable(values[r][i])}`).join(", "));
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

  take(run, shares, { window: [x0, x1, y0, y1], points }, colours) {
    write(this.title, run.title);
    this.resize();
    const side = Math.sqrt(shares.length);
    const picture = new ImageData(side, side);
    for (let i = 0; i < shares.length; i++) {
      const u = shares[i] / 255;
      const to = 4 * (side * (side - 1 - Math.floor(i / side)) + (i % side));
      const tint = u < 0.5 ? colours.classes[0] : colours.classes[1];
      for (let c = 0; c < 3; c++) picture.data[to + c] = tint[c];
      picture.data[to + 3] = 30 + 300 * Math.abs(u - 0.5);
    }
    const small = new OffscreenCanvas(side, side);
    small.getContext("2d").putImageData(picture, 0, 0);
    this.clear(this.back);
    this.back.imageSmoothingQuality = "high";
    this.back.drawImage(small, 0, 0, this.w, this.h);
    for (let k = 0; k < points.length; k += 3) {
      this.back.fillStyle = `rgb(${colours.classes[points[k + 2]]})`;
      this.back.beginPath();
      this.back.arc(((points[k] - x0) / (x1 - x0)) * this.w, (1 - (points[k + 1] - y0) / (y1 - y0)) * this.h, 1.8, 0, 7);
      this.back.fill();
    }
  }
}

class Board {
  constructor(root) {
    this.root = root.querySelector(".board");
    this.root.board = this;
    this.bar = make("div", { className: "bar", role: "progressbar" });
    this.told = make("div", { className: "told" });
    [this.left, this.right] = [make("span"), make("span")];
    this.told.append(this.left, this.right);
    this.names = make("div", { className: "names" });
    this.panelBox = make("div", { className: "panels" });
    this.planeBox = make("div", { className: "planes" });
    this.root.replaceChildren(this.bar, this.told, this.names, this.panelBox, this.planeBox); // mounted again it finds its old self
    [this.panels, this.planes] = [[], []];
    this.watch = new ResizeObserver(() => this.message && this.draw());
    this.watch.observe(this.root);
    this.clock = setInterval(() => this.message && this.draw(true), 1000);
  }

  end() {
    this.watch.disconnect();
    clearInterval(this.clock);
  }

  receive(message) {
    this.message = message;
    this.draw();
  }

  // All that there is; with `themeOnly` nothing unless the page's theme has changed.
  draw(themeOnly = false) {
    const { runs, steps, share, seconds, running, stopped, panels, shares } = this.message;
    const colours = themed(this.root, this.message.theme, this.colours);
    if (themeOnly && colours === this.colours) return;
    this.colours = colours;
    this.bar.style.setProperty("--at", `${100 * share}%`);
    this.bar.setAttribute("aria-valuenow", Math.round(100 * share));
    const pace = seconds > 0 ? (share * steps) / seconds : 0;
    write(this.left, running ? `Step ${Math.round(share * steps)} of ${steps}` : stopped && share < 1 ? `Stopped at step ${Math.round(share * steps)} of ${steps}` : `${steps} steps done`);
    write(this.right, pace ? `${Math.round(pace)} steps a second, ${running ? `${Math.ceil((steps * (1 - share)) / pace)} s left` : `${seconds.toFixed(1)} s in all`}` : "");
    this.names.replaceChildren(...runs.map((run) => {
      const name = make("span");
      name.append(dot(run.colour), run.title + (run.stopped ? ` ✕ step ${run.stopped}` : ""));
      return name;
    }));
    this.fit(this.panels, panels.length, Panel, this.panelBox);
    panels.forEach((panel, i) => this.panels[i].take(panel, this.message, colours));
    this.fit(this.planes, shares ? runs.length : 0, Plane, this.planeBox);
    const each = shares ? shares.length / runs.length : 0;
    this.planes.forEach((one, r) => one.take(runs[r], shares.subarray(r * each, (r + 1) * each), this.message, colours));
  }

  fit(list, many, Kind, box) {
    while (list.length > many) list.pop().box.remove();
    while (list.length < many) {
      list.push(new Kind());
      box.append(list.at(-1).box);
    }
  }
}

const boards = new WeakMap();

export default ({ data, parentElement }) => {
  if (!boards.has(parentElement)) boards.set(parentElement, new Board(parentElement));
  const board = boards.get(parentElement);
  board.receive(decode(data));
  return () => {
    board.end();
    boards.delete(parentElement);
  };
};
