// @ts-check
// One quantity against the steps, a line for each coordinate, and where the present step is.
class Chart extends Layers {
  /** @param {Quantity} quantity */
  constructor({ title, unit, value, scale }) {
    const figure = sheet("chart");
    super(figure);
    this.unit = unit;
    this.value = value;
    this.scale = scale;
    this.log = scale === "log";
    this.coordinates = scale === "angle" ? [0] : [0, 1];
    this.now = make("span", { className: "now" });
    this.box = make("div");
    this.box.append(make("b", { textContent: title }), this.now, figure);
  }

  /** @param {Insides} inside @param {Colours} colours @param {string} colour */
  take(inside, colours, colour) {
    this.inside = inside;
    this.colours = colours;
    this.colour = colour;
    let [low, high] = [Infinity, -Infinity];
    this.peak = [0, 0];
    for (let f = 0; f < inside.whole; f++) {
      for (const c of this.coordinates) {
        const v = this.log ? Math.log10(inside.at(this.value, f, c)) : inside.at(this.value, f, c);
        if (!Number.isFinite(v)) continue;
        if (v > high) this.peak = [f, c];
        [low, high] = [Math.min(low, v), Math.max(high, v)];
      }
    }
    if (!this.log) low = Math.min(low, 0);
    if (this.scale === "angle") [low, high] = [0, 180];
    if (!(high > low)) [low, high] = high === low ? [low - 1, high + 1] : [0, 1];
    this.low = low;
    this.high = high;
  }

  /** @param {number} v */
  y(v) {
    return this.h - 5 - (((this.log ? Math.log10(v) : v) - this.low) / (this.high - this.low)) * (this.h - 10);
  }

  /** @param {number} f */
  x(f) {
    return 3 + Math.min(f / Math.max(this.inside.whole - 1, 1), 1) * (this.w - 6);
  }

  // Where a value is drawn; nowhere if it is none.
  /** @param {number} f @param {number} c @returns {[number, number] | null} */
  place(f, c) {
    const v = this.inside.at(this.value, f, c);
    return Number.isFinite(v) && (!this.log || v > 0) ? [this.x(f), this.y(v)] : null;
  }

  draw() {
    const g = this.back;
    this.clear(g);
    g.lineWidth = 1;
    g.strokeStyle = this.colours.line;
    g.strokeRect(0.5, 0.5, this.w - 1, this.h - 1);
    if (!this.log && this.low < 0 && this.high > 0) {
      g.beginPath();
      g.moveTo(0, this.y(0));
      g.lineTo(this.w, this.y(0));
      g.stroke();
    }
    g.strokeStyle = this.colour;
    g.lineWidth = 1.6;
    for (const c of this.coordinates) {
      g.setLineDash(c ? [5, 4] : []);
      trace(g, Array.from({ length: this.inside.whole }, (_, f) => this.place(f, c)));
    }
    g.setLineDash([]);
    g.font = `10px ${this.colours.font}`;
    g.textAlign = "left";
    for (const [v, y] of [[this.high, 12], [this.low, this.h - 5]]) {
      const text = readable(this.log ? 10 ** v : v);
      g.globalAlpha = 0.8;
      g.fillStyle = this.colours.page;
      g.fillRect(2, y - 10, g.measureText(text).width + 6, 12);
      g.fillStyle = this.colours.text;
      g.fillText(text, 5, y);
    }
    g.globalAlpha = 1;
  }

  /** @param {number} f */
  show(f) {
    const g = this.head;
    this.clear(g);
    g.strokeStyle = this.colours.text;
    g.globalAlpha = 0.5;
    g.beginPath();
    g.moveTo(this.x(f), 0);
    g.lineTo(this.x(f), this.h);
    g.stroke();
    g.globalAlpha = 1;
    g.fillStyle = this.colour;
    for (const c of this.coordinates) {
      const place = this.place(f, c);
      if (!place) continue;
      g.beginPath();
      g.arc(...place, 3, 0, 7);
      g.fill();
    }
    const { inside, value, peak } = this;
    /** @param {number} c */
    const text = (c, at = f) => precise(inside.at(value, at, c)) + this.unit;
    const most = this.scale === "peak" ? `   most ${text(peak[1], peak[0])} (${"xy"[peak[1]]}) at step ${inside.step(peak[0])}` : "";
    write(this.now, (this.coordinates.length > 1 ? `x ${text(0)}   y ${text(1)}` : text(0)) + most);
  }
}
