// @ts-check
/** @typedef {{ slot: Slot, box: HTMLElement, text: HTMLElement, layers: Layers }} Square */
/** @typedef {{ node: Element, at: number, c: number, text: (v: number) => string }} Numeral */
/** @typedef {"gradient" | "memory" | "newton" | "mode"} Arrow */

// The inside of a step: its equations with the numbers set in, its vectors on the map, and what becomes of them over the run.
class Insides {
  /** @type {Float32Array} */ numbers;
  /** @type {string} */ shape;
  /** @type {Numeral[]} */ leaves;

  /** @param {HTMLElement} root @param {DissectedStage} stage */
  constructor(root, stage) {
    this.root = root;
    this.stage = stage;
    this.watch = new ResizeObserver(() => this.data && this.resize());
    this.watch.observe(root);
  }

  /** @param {number} array @param {number} f @param {number} c */
  at(array, f, c) {
    return this.numbers[2 * (array * this.frames + f) + c];
  }

  /** @param {number} f */
  step(f) {
    return Math.min(this.rows[f] + 1, this.data.steps);
  }

  // The last message's steps; while a band is scrubbed they follow a little behind, and the arrows wait.
  /** @param {Picture} message @param {boolean} sliding */
  take({ insides, inside, frames, rows, runs }, sliding) {
    this.root.hidden = !insides;
    this.on = Boolean(insides);
    this.sliding = sliding;
    if (!insides || this.numbers === inside) return;
    const last = rows.findLastIndex((row) => row < insides.steps) + 1; // frames that begin a step
    const whole = runs[0].stopped === null ? last : Math.max(last - 1, 1); // the step that leaves all bounds would flatten the rest
    this.numbers = inside;
    this.frames = frames;
    this.rows = rows;
    this.last = last;
    this.whole = whole;
    this.run = runs[0];
    const shape = JSON.stringify([insides.lines, insides.slots, insides.charts, insides.limit === null]);
    this.data = insides;
    if (shape !== this.shape) this.build();
    this.shape = shape;
    this.fresh = true;
  }

  build() {
    const { lines, slots, charts, limit } = this.data;
    this.leaves = [];
    this.heading = make("h4");
    const equations = make("div", { className: "equations" });
    equations.append(this.heading, ...lines.map((line) => this.equation(line)));

    const key = make("div", { className: "key" });
    const arrows = [
      ["−gradient", "gradient"],
      ...slots.filter((slot) => slot.kind === "vector").map((slot) => [`−${spelt(slot.name)}`, "memory"]),
      ["step", "step"],
      ["Newton’s step", "newton"],
      ["axes of curvature", "mode"],
    ];
    this.keys = arrows.map(([text, name]) => {
      const item = make("span");
      item.append(dot("currentColor"), text);
      item.dataset.name = name;
      key.append(item);
      return item;
    });

    key.append(make("small", { textContent: "In the charts x is solid, y is dashed." }));

    const modes = make("table", { className: "modes" });
    const head = make("tr");
    for (const text of ["Mode", "curvature λ", "lr·λ", ...(limit === null ? [] : [`limit`, ""])]) head.append(make("th", { textContent: text, scope: "col" }));
    this.modes = [1, 0].map((which) => {
      const cells = Array.from({ length: limit === null ? 3 : 5 }, () => make("td"));
      const gauge = make("div", { className: "gauge" });
      if (limit !== null) cells[3].append(gauge);
      const line = make("tr");
      line.append(...cells);
      return { which, cells, gauge, line };
    });
    modes.append(head, ...this.modes.map((mode) => mode.line));
    this.why = make("p", { className: "why" });
    const theory = make("p", { className: "soft", textContent: limit === null ? "The largest stable lr·λ is known for rules that are linear in the gradient, without decay and clipping; this is none." : "" });

    this.squares = slots.filter((slot) => slot.kind === "square").map((slot) => {
      const figure = sheet("squares");
      const box = make("div");
      const text = make("span", { className: "now" });
      box.append(make("b", { textContent: `${spelt(slot.name)} as squares: area ${spelt(slot.name)}, side √${spelt(slot.name)}; the bar is |gradient|` }), text, figure);
      return { slot, box, text, layers: new Layers(figure) };
    });
    this.charts = [
      ...slots.map(({ name: letters, kind, value }) => new Chart({ title: `${spelt(letters)} after the step`, unit: "", value, scale: kind === "square" || kind === "size" ? "log" : "linear" })),
      ...charts.map((chart) => new Chart(chart)),
    ];
    const grid = make("div", { className: "charts" });
    grid.append(...this.charts.map((chart) => chart.box));
    const side = make("div", { className: "side" });
    side.append(key, modes, theory, this.why, ...this.squares.map((s) => s.box));
    this.root.replaceChildren(equations, side, grid);
  }

  // A statement as it stands in the rule, then with the numbers of each coordinate.
  /** @param {Statement} statement */
  equation({ target, tree, terms, value }) {
    const box = make("div", { className: "equation" });
    const arrow = target[0] === "Δ" ? "=" : "←";
    const whole = displayed(lettered(target), sign(arrow), mathOf(tree, symbolic));
    /** @param {number} at @param {number} c @param {Numeral["text"]} text */
    const leaf = (at, c, text) => {
      const node = math("mn");
      this.leaves.push({ node, at, c, text });
      return node;
    };
    box.append(whole, ...[0, 1].map((c) => {
      const row = make("div", { className: "numbers" });
      /** @type {Leaf} */
      const numeric = (_, given) => (typeof given === "number" ? math("mn", bracketed(given)) : leaf(given.at, c, bracketed));
      const sum = terms.flatMap((term, i) => [sign(i ? "+" : "="), leaf(term, c, bracketed)]);
      const result = [sign("="), leaf(value, c, readable)];
      row.append(make("i", { textContent: "xy"[c] }), tree[0] === "name" ? displayed(...result) : displayed(mathOf(tree, numeric), ...sum, ...result));
      return row;
    }));
    return box;
  }

  resize() {
    for (const layers of [...this.charts, ...this.squares.map((s) => s.layers)]) layers.resize();
    this.fresh = true;
    this.show(this.stage.position);
  }

  /** @param {number} step */
  show(step) {
    if (!this.on || !this.stage.map.w) return;
    const { colours } = this.stage;
    const f = clamp(this.rows.findLastIndex((row) => row <= step), 0, this.last - 1);
    if (this.fresh || this.colours !== colours) {
      this.colours = colours;
      for (const item of this.keys) item.style.color = this.colourOf(item.dataset.name);
      for (const chart of this.charts) {
        chart.resize();
        chart.take(this, colours, this.run.colour);
        chart.draw();
      }
      for (const { layers } of this.squares) layers.resize();
      write(this.why, this.data.why);
      this.fresh = false;
    }
    const end = step >= this.data.steps ? (this.run.stopped === null ? ", the last" : ", which left all bounds") : "";
    write(this.heading, `Step ${this.step(f)} of ${this.stage.data.steps}${end}`);
    for (const { node, at, c, text } of this.leaves) write(node, text(this.at(at, f, c)));
    for (const chart of this.charts) chart.show(f);
    this.showModes(f);
    for (const square of this.squares) this.showSquare(square, f);
    if (!this.sliding) this.showArrows(f);
  }

  /** @param {string} name */
  colourOf(name) {
    return name === "step" ? this.run.colour : this.colours[/** @type {Arrow} */ (name)];
  }

  /** @param {number} f */
  showModes(f) {
    const { curvatures, sizes, limit, damping, dampings } = this.data;
    for (const { which, cells, gauge, line } of this.modes) {
      const size = this.at(sizes, f, which);
      write(cells[0], which ? "steepest" : "flattest");
      write(cells[1], readable(this.at(curvatures, f, which)));
      write(cells[2], readable(size));
      line.classList.toggle("past", limit !== null && size > limit);
      if (limit === null) continue;
      gauge.style.setProperty("--at", `${100 * clamp(size / limit / 1.25, 0, 1)}%`);
      gauge.title = `${readable(size)} of at most ${readable(limit)}`;
      write(cells[4], `${readable(limit)} · ${dampings[this.at(damping, f, which)]}`);
    }
  }

  // Squares of area v beside each other, at one scale with the gradient's sizes.
  /** @param {Square} square @param {number} f */
  showSquare({ slot, text, layers }, f) {
    const g = layers.head;
    layers.clear(g);
    const v = [0, 1].map((c) => this.at(slot.value, f, c));
    const slopes = [0, 1].map((c) => Math.abs(this.at(this.data.slope, f, c)));
    const most = Math.max(...v.map(Math.sqrt), ...slopes);
    write(text, `x ${precise(v[0])}   y ${precise(v[1])}`);
    if (!(most > 0) || !Number.isFinite(most)) return;
    const full = Math.min(layers.h - 20, layers.w / 2 - 30);
    [0, 1].forEach((c) => {
      const [side, bar] = [(Math.sqrt(v[c]) / most) * full, (slopes[c] / most) * full];
      const [left, bottom] = [18 + c * (layers.w / 2), layers.h - 16];
      g.fillStyle = g.strokeStyle = this.run.colour;
      g.globalAlpha = 0.25;
      g.fillRect(left, bottom - side, side, side);
      g.globalAlpha = 1;
      g.lineWidth = 1.5;
      g.strokeRect(left, bottom - side, side, side);
      g.fillStyle = this.colours.gradient;
      g.fillRect(left - 8, bottom - bar, 5, bar);
      g.fillStyle = this.colours.text;
      g.font = `11px ${this.colours.font}`;
      g.textAlign = "left";
      g.fillText("xy"[c], left, layers.h - 3);
    });
  }

  // Directions on the map. Those in units of the gradient share one scale; the step is true to the map unless it is too short.
  /** @param {number} f */
  showArrows(f) {
    const { map, data } = this.stage;
    const g = map.head;
    const k = 2 * f;
    /** @type {Place} */
    const place = [data.x[k], data.x[k + 1]];
    for (const item of this.keys) item.classList.toggle("none", item.dataset.name === "newton" ? !Number.isFinite(this.at(this.data.newton, f, 0)) : item.dataset.name === "mode" && !this.at(this.data.curvatures, f, 1) && !this.at(this.data.curvatures, f, 0));
    if (!map.inside(...place)) return;
    const u = map.relief ? map.height(data.loss[k / 2]) : 0;
    const from = map.project(...place, u);
    const reach = data.view[1] - data.view[0];
    /** @param {number[]} v */
    const towards = (v) => {
      const size = Math.hypot(...v);
      if (!(size > 0) || !Number.isFinite(size)) return null;
      const far = map.project(place[0] + (v[0] / size) * reach, place[1] + (v[1] / size) * reach, u);
      const [dx, dy] = [far[0] - from[0], far[1] - from[1]];
      const pixels = Math.hypot(dx, dy);
      return { way: [dx / pixels, dy / pixels], pixels: (pixels * size) / reach, size };
    };
    /** @param {number} array */
    const pair = (array, factor = 1) => [factor * this.at(array, f, 0), factor * this.at(array, f, 1)];
    const { slope, moved, newton, curvatures, axis, sizes, limit, slots } = this.data;
    const steep = pair(axis);
    const bends = pair(curvatures).map(Math.abs);
    [[-steep[1], steep[0]], steep].forEach((way, which) => {
      const line = towards(way);
      if (!line || !(Math.max(...bends) > 0)) return;
      const half = Math.max(8, 60 * Math.sqrt(Math.min(...bends.filter((b) => b > 0)) / Math.max(bends[which], 1e-300)));
      const bad = limit !== null && this.at(sizes, f, which) > limit;
      this.stroke(g, from, line.way, Math.min(half, 60), bad ? this.colours.bad : this.colours.mode, this.at(curvatures, f, which) < 0 ? [2, 4] : [], true);
    });
    const gradients = [
      { arrow: towards(pair(slope, -1)), colour: this.colours.gradient },
      ...slots.filter((s) => s.kind === "vector").map((s) => ({ arrow: towards(pair(s.value, -1)), colour: this.colours.memory })),
    ];
    const longest = Math.max(...gradients.map(({ arrow }) => arrow?.size ?? 0));
    for (const { arrow, colour } of gradients) if (arrow) this.stroke(g, from, arrow.way, Math.max(14, (72 * arrow.size) / longest), colour);
    const aim = towards(pair(newton));
    if (aim) this.stroke(g, from, aim.way, clamp(aim.pixels, 30, 140), this.colours.newton, [4, 4]);
    const step = towards(pair(moved));
    if (step) this.stroke(g, from, step.way, clamp(step.pixels, 26, 260), this.run.colour);
  }

  /** @param {Pen} g @param {number[]} from @param {number[]} way @param {number} length @param {string} colour @param {number[]} [dash] */
  stroke(g, [px, py], [dx, dy], length, colour, dash = [], both = false) {
    const [ex, ey] = [px + dx * length, py + dy * length];
    /** @type {[string, number][]} */
    const inks = [[this.colours.casing, 4.5], [colour, 2.2]];
    for (const [ink, width] of inks) {
      g.strokeStyle = g.fillStyle = ink;
      g.lineWidth = width;
      g.setLineDash(dash);
      g.beginPath();
      g.moveTo(both ? px - dx * length : px, both ? py - dy * length : py);
      g.lineTo(ex, ey);
      g.stroke();
      g.setLineDash([]);
      if (both) continue;
      g.beginPath();
      for (const [a, b] of [[0, 0], [-8, 4], [-8, -4]]) g.lineTo(ex + dx * (a + 3) - dy * b, ey + dy * (a + 3) + dx * b);
      g.fill();
    }
  }
}

class DissectedStage extends Stage {
  /** @param {HTMLElement} root */
  constructor(root) {
    super(root);
    this.insides = new Insides(this.root.querySelector(".insides"), this);
  }

  /** @param {Picture} data @param {boolean} [fresh] */
  draw(data, fresh) {
    this.insides.take(this.base, Boolean(data.shown));
    super.draw(data, fresh);
  }

  // The equations follow the hand too, as fast as the server sends them.
  slide() {
    super.slide();
    const { c, range } = this.held;
    this.ask({ [c.id]: c.stops[+range.value] }, false);
  }

  /** @param {number} frame */
  show(frame) {
    super.show(frame);
    this.insides.show(this.data.rows[this.frame]);
  }

  end() {
    this.insides.watch.disconnect();
    super.end();
  }
}
