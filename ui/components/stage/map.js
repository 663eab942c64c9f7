// @ts-check
/** @typedef {StageMessage["start"]} Place */
/** @typedef {StageMessage["view"]} View */
/** @typedef {{ far: number, r?: number, f?: number }} Hit */
/** @typedef {{ z: Uint16Array, n: number, window: View }} Grid */
/** @typedef {{ rows: number[], loss: Float64Array, ground?: Grid, shown?: StageMessage["values"] }} MadeHere */
/** @typedef {StageMessage & StageArrays & MadeHere} Picture */

/** @param {number} v @param {number} lo @param {number} hi */
const clamp = (v, lo, hi) => Math.min(hi, Math.max(lo, v));

// The surface: a contour map or a relief, with the paths on it. Positions are computed elsewhere; here they are projected.
class SurfaceMap extends Layers {
  camera = { turn: -0.5, rise: 0.95 };
  relief = false;
  turning = false;
  /** @type {Grid} */ ground;
  /** @type {Grid} */ grid;
  /** @type {string} */ drawn;

  /** @param {Picture} message @param {Colours} colours */
  take(message, colours) {
    this.data = message;
    if (this.grid === this.ground && this.colours === colours) return;
    this.grid = this.ground;
    this.colours = colours;
    this.paint();
  }

  // The grid as a small picture (smoothed when it is enlarged) and as contour segments in units of the grid.
  paint() {
    const { z, n } = this.grid;
    const shades = Array.from({ length: 256 }, (_, u) => this.shade(u / 255));
    const picture = new ImageData(n, n);
    for (let i = 0; i < n * n; i++) {
      const [r, g, b] = shades[z[i] >> 8];
      const to = 4 * (n * (n - 1 - Math.floor(i / n)) + (i % n));
      picture.data[to] = r;
      picture.data[to + 1] = g;
      picture.data[to + 2] = b;
      picture.data[to + 3] = 255;
    }
    this.picture = new OffscreenCanvas(n, n);
    this.picture.getContext("2d").putImageData(picture, 0, 0);
    /** @type {number[]} */
    this.contours = [];
    for (let k = 0; k < n * (n - 1); k++) if ((k + 1) % n) this.cut(k);
  }

  // The contour segments that cross one cell of the grid.
  /** @param {number} k */
  cut(k) {
    const { z, n } = this.grid;
    const [i, j, apart] = [k % n, Math.floor(k / n), 65535 / 20];
    const [p, q, r, s] = [z[k], z[k + 1], z[k + n + 1], z[k + n]];
    const top = Math.max(p, q, r, s) / apart;
    for (let level = Math.floor(Math.min(p, q, r, s) / apart) + 1; level < top; level++) {
      const [a, b, c, d] = [p - level * apart, q - level * apart, r - level * apart, s - level * apart];
      /** @type {number[]} */
      const cuts = [];
      if (a > 0 !== b > 0) cuts.push(i + a / (a - b), j);
      if (b > 0 !== c > 0) cuts.push(i + 1, j + b / (b - c));
      if (c > 0 !== d > 0) cuts.push(i + 1 - c / (c - d), j + 1);
      if (d > 0 !== a > 0) cuts.push(i, j + 1 - d / (d - a));
      for (let m = 0; m + 3 < cuts.length; m += 4) this.contours.push(cuts[m], cuts[m + 1], cuts[m + 2], cuts[m + 3]);
    }
  }

  /** @param {number} u */
  shade(u, light = 0) {
    const ramp = this.colours.ramp;
    const at = clamp(u, 0, 1) * (ramp.length - 1);
    const i = Math.min(Math.floor(at), ramp.length - 2);
    return ramp[i].map((c, k) => clamp(light + c + (at - i) * (ramp[i + 1][k] - c), 0, 255));
  }

  // Loss → height on the map's own scale, the same for the surface and for the paths.
  /** @param {number} loss */
  height(loss) {
    const { base, unit, span } = this.data.scale;
    return Math.log1p(Math.max(loss - base, 0) / unit) / span;
  }

  /** @param {number} x @param {number} y */
  groundAt(x, y) {
    const { z, n, window: [x0, x1, y0, y1] } = this.grid;
    const i = clamp(Math.round(((x - x0) / (x1 - x0)) * (n - 1)), 0, n - 1);
    const j = clamp(Math.round(((y - y0) / (y1 - y0)) * (n - 1)), 0, n - 1);
    return z[j * n + i] / 65535;
  }

  /** @param {number} x @param {number} y @param {number} [u] */
  project(x, y, u) {
    const [x0, x1, y0, y1] = this.data.view;
    const [p, q] = [(x - x0) / (x1 - x0), (y - y0) / (y1 - y0)];
    if (!this.relief) return [p * this.w, (1 - q) * this.h];
    const { turn, rise } = this.camera;
    const [a, b] = [p - 0.5, q - 0.5];
    const across = a * Math.cos(turn) - b * Math.sin(turn);
    const away = a * Math.sin(turn) + b * Math.cos(turn);
    const size = this.w * 0.68;
    const up = away * Math.sin(rise) + (0.55 * Math.min(u, 1.2) - 0.2) * Math.cos(rise);
    return [this.w / 2 + size * across, this.h / 2 - size * up];
  }

  /** @param {number} px @param {number} py */
  unproject(px, py) {
    const [x0, x1, y0, y1] = this.data.view;
    if (!this.relief) return [x0 + (px / this.w) * (x1 - x0), y1 - (py / this.h) * (y1 - y0)];
    let best = [Infinity];
    for (let j = 0; j <= 96; j++) {
      for (let i = 0; i <= 96; i++) {
        const [x, y] = [x0 + (i / 96) * (x1 - x0), y0 + (j / 96) * (y1 - y0)];
        const u = this.groundAt(x, y);
        const [qx, qy] = this.project(x, y, u);
        const far = Math.hypot(qx - px, qy - py);
        if (far < best[0] && this.inSight(x, y, u)) best = [far, x, y];
      }
    }
    return best.slice(1);
  }

  // Does the ground between a point and the eye stay below the line of sight?
  /** @param {number} x @param {number} y @param {number} u */
  inSight(x, y, u) {
    const [x0, x1, y0, y1] = this.data.view;
    const { turn, rise } = this.camera;
    const climb = Math.tan(rise) / 0.55;
    for (let s = 0.02; s < 1; s += 0.03) {
      const [p, q] = [(x - x0) / (x1 - x0) - s * Math.sin(turn), (y - y0) / (y1 - y0) - s * Math.cos(turn)];
      if (p < 0 || p > 1 || q < 0 || q > 1 || u + s * climb > 1) return true;
      if (this.groundAt(x0 + p * (x1 - x0), y0 + q * (y1 - y0)) > u + s * climb + 0.015) return false;
    }
    return true;
  }

  // Screen positions of every recorded point, and whether each can be seen.
  place() {
    const { x, loss, runs, frames, view: [x0, x1, y0, y1] } = this.data;
    this.at = new Float32Array(2 * runs.length * frames);
    this.seen = new Uint8Array(runs.length * frames).fill(1);
    for (let k = 0; k < runs.length * frames; k++) {
      const [px, py] = [x[2 * k], x[2 * k + 1]];
      const u = this.relief ? this.height(loss[k]) : 0;
      const [sx, sy] = this.project(px, py, u);
      this.at[2 * k] = clamp(sx, -1e5, 1e5);
      this.at[2 * k + 1] = clamp(sy, -1e5, 1e5);
      if (!this.relief) continue;
      if (px < x0 || px > x1 || py < y0 || py > y1) this.seen[k] = 2;
      else if (!this.inSight(px, py, u)) this.seen[k] = 0;
    }
  }

  // Everything under the paths; left alone while nothing of it changes.
  drawBack() {
    const g = this.back;
    const { fieldId, view } = this.data;
    const ground = JSON.stringify([fieldId, view, this.w, this.h, this.dpr, this.colours.page, this.relief && this.camera, this.turning]);
    if (ground === this.drawn) return;
    this.drawn = ground;
    this.clear(g);
    if (this.relief) this.drawRelief(g);
    else this.drawPlan(g);
    const { minima, local_minima: wells, saddles } = this.data;
    /** @type {[Place[], string][]} */
    const marks = [[minima, "★"], [wells, "☆"], [saddles, "⊗"]];
    g.textAlign = "center";
    g.textBaseline = "middle";
    for (const [places, sign] of marks) {
      const many = places.length > 40; // an egg box: its wells are dots, its passes are left out
      if (many && places === saddles) continue;
      g.font = many ? `7px ${this.colours.font}` : `15px ${this.colours.font}`;
      for (const [x, y] of places) {
        const u = this.groundAt(x, y);
        if (!this.inside(x, y) || (this.relief && !this.inSight(x, y, u))) continue;
        const [px, py] = this.project(x, y, u);
        g.lineWidth = 3;
        g.strokeStyle = this.colours.page;
        g.strokeText(sign, px, py);
        g.fillStyle = this.colours.text;
        g.fillText(sign, px, py);
      }
    }
  }

  /** @param {number} x @param {number} y */
  inside(x, y) {
    const [x0, x1, y0, y1] = this.data.view;
    return x >= x0 && x <= x1 && y >= y0 && y <= y1;
  }

  /** @param {Pen} g */
  drawPlan(g) {
    const { n, window: [x0, x1, y0, y1] } = this.grid;
    const [left, bottom] = this.project(x0, y0);
    const [right, top] = this.project(x1, y1);
    const [sx, sy] = [(right - left) / (n - 1), (bottom - top) / (n - 1)];
    g.fillStyle = `rgb(${this.shade(1)})`;
    g.fillRect(0, 0, this.w, this.h);
    g.imageSmoothingQuality = "high";
    g.drawImage(this.picture, left - sx / 2, top - sy / 2, n * sx, n * sy);
    g.beginPath();
    const c = this.contours;
    for (let k = 0; k < c.length; k += 4) {
      g.moveTo(left + c[k] * sx, bottom - c[k + 1] * sy);
      g.lineTo(left + c[k + 2] * sx, bottom - c[k + 3] * sy);
    }
    g.lineWidth = 0.8;
    g.strokeStyle = this.colours.contour;
    g.stroke();
    this.drawScale(g);
  }

  /** @param {Pen} g */
  drawScale(g) {
    const [x0, x1, y0, y1] = this.data.view;
    g.font = `11px ${this.colours.font}`;
    g.fillStyle = g.strokeStyle = this.colours.text;
    g.globalAlpha = 0.65;
    g.textBaseline = "alphabetic";
    for (const v of ticks(x0, x1, 5)) {
      const [px] = this.project(v, 0);
      g.textAlign = "center";
      if (px > 24 && px < this.w - 24) g.fillText(readable(v), px, this.h - 6);
    }
    for (const v of ticks(y0, y1, 5)) {
      const [, py] = this.project(0, v);
      g.textAlign = "left";
      if (py > 16 && py < this.h - 24) g.fillText(readable(v), 6, py + 4);
    }
    g.globalAlpha = 1;
  }

  // Quads from back to front: with parallel projection the order is that of the rows and columns themselves.
  /** @param {Pen} g */
  drawRelief(g) {
    const { n, window: [x0, x1, y0, y1], z } = this.grid;
    const { turn } = this.camera;
    const step = this.turning ? 4 : 1; // coarse while the camera moves
    const m = Math.floor((n - 1) / step);
    /** @param {boolean} flip */
    const order = (flip) => Array.from({ length: m }, (_, i) => step * (flip ? i : m - 1 - i));
    /** @param {number} i @param {number} j */
    const point = (i, j) =>
      this.project(x0 + (i / (n - 1)) * (x1 - x0), y0 + (j / (n - 1)) * (y1 - y0), z[j * n + i] / 65535);
    /** @type {Map<number, number[]>} */
    const corner = new Map();
    /** @param {number} i @param {number} j */
    const at = (i, j) => corner.get(j * n + i) ?? corner.set(j * n + i, point(i, j)).get(j * n + i);
    g.lineWidth = 0.6;
    for (const j of order(Math.cos(turn) < 0)) {
      for (const i of order(Math.sin(turn) < 0)) {
        const [a, b, c, d] = [z[j * n + i], z[j * n + i + step], z[(j + step) * n + i + step], z[(j + step) * n + i]];
        const slope = (1.8 * (a + d - b - c) + a + b - c - d) / 65535 / step;
        const light = this.colours.sheen * (Math.tanh(12 * slope) - this.colours.dim);
        const u = (a + b + c + d) / 4 / 65535;
        g.fillStyle = g.strokeStyle = `rgb(${this.shade(u, light).map(Math.round)})`;
        g.beginPath();
        for (const [p, q] of [at(i, j), at(i + step, j), at(i + step, j + step), at(i, j + step)]) g.lineTo(p, q);
        g.closePath();
        g.fill();
        g.stroke();
      }
    }
  }

  // Paths between two frames. Called with the last frame drawn and the present one, so that playing only adds.
  /** @param {number} from @param {number} to @param {Set<string>} hidden */
  drawTrail(from, to, hidden) {
    const { runs, frames } = this.data;
    const casing = this.layers[1]; // a layer of its own, or each new piece would cover the end of the last
    if (from === 0) [casing, this.trail].forEach((layer) => this.clear(layer));
    runs.forEach((run, r) => {
      const last = Math.min(to, run.last);
      if (hidden.has(run.key) || last <= from) return;
      /** @type {[Pen, number, number, string][]} */
      const inks = [[casing, 0, 4, this.colours.casing], [this.trail, 1, 2, run.colour], [this.trail, 0, 2, run.colour]];
      for (const [g, faint, width, colour] of inks) {
        g.beginPath();
        let open = false;
        for (let f = from + 1; f <= last; f++) {
          const k = r * frames + f;
          const shown = this.seen[k] === (faint ? 0 : 1) || (faint && this.seen[k - 1] === 0 && this.seen[k] === 1);
          if (!shown || this.seen[k - 1] === 2) {
            open = false;
            continue;
          }
          if (!open) g.moveTo(this.at[2 * k - 2], this.at[2 * k - 1]);
          g.lineTo(this.at[2 * k], this.at[2 * k + 1]);
          open = true;
        }
        g.globalAlpha = faint ? 0.22 : 1;
        g.lineWidth = width;
        g.strokeStyle = colour;
        g.stroke();
        g.globalAlpha = 1;
      }
    });
  }

  /** @param {number} frame @param {Set<string>} hidden */
  drawHeads(frame, hidden) {
    const g = this.head;
    this.clear(g);
    const { runs, frames, start } = this.data;
    const [sx, sy] = this.project(...start, this.groundAt(...start));
    g.lineWidth = 2;
    g.strokeStyle = this.colours.text;
    g.beginPath();
    g.arc(sx, sy, 7, 0, 7);
    g.moveTo(sx - 11, sy);
    g.lineTo(sx + 11, sy);
    g.moveTo(sx, sy - 11);
    g.lineTo(sx, sy + 11);
    g.stroke();
    let outside = 0;
    runs.forEach((run, r) => {
      if (hidden.has(run.key)) return;
      const f = Math.min(frame, run.last);
      const k = r * frames + f;
      let [px, py] = [this.at[2 * k], this.at[2 * k + 1]];
      const off = this.relief ? this.seen[k] === 2 : px < 0 || px > this.w || py < 0 || py > this.h;
      g.fillStyle = run.colour;
      g.strokeStyle = this.colours.page;
      g.lineWidth = 2;
      g.beginPath();
      if (off || Number.isNaN(px)) {
        const [cx, cy] = [this.w / 2, this.h / 2];
        const [dx, dy] = Number.isNaN(px) ? [0, -1] : [px - cx, py - cy];
        const t = Math.min((cx - 12) / Math.abs(dx || 1e-9), (cy - 12) / Math.abs(dy || 1e-9));
        const angle = Math.atan2(dy, dx);
        const beside = (run.stopped === null ? 22 : 38) * (outside % 2 ? 1 : -1) * Math.ceil(outside++ / 2); // side by side, not one upon another
        [px, py] = [cx + t * dx, cy + t * dy];
        if (Math.abs(dx) > Math.abs(dy)) py = clamp(py + beside, 12, this.h - 12);
        else px = clamp(px + beside, 12, this.w - 12);
        if (py < 44 && px > this.w - 170) py = 52; // below the buttons
        for (const [turn, far] of [[0, 10], [2.5, 9], [-2.5, 9]])
          g.lineTo(px + far * Math.cos(angle + turn), py + far * Math.sin(angle + turn));
        g.closePath();
      } else {
        g.globalAlpha = this.seen[k] === 0 ? 0.35 : 1;
        g.arc(px, py, 6, 0, 7);
      }
      g.stroke();
      g.fill();
      g.globalAlpha = 1;
      if (run.stopped !== null && frame >= run.last) {
        const note = `✕ ${run.stopped}`;
        const [tx, ty] = [clamp(px, 24, this.w - 24), py < this.h / 2 ? py + 24 : py - 16];
        g.font = `600 11px ${this.colours.font}`;
        g.textAlign = "center";
        g.lineWidth = 3;
        g.strokeText(note, tx, ty);
        g.fillStyle = this.colours.text;
        g.fillText(note, tx, ty);
      }
    });
  }

  /** @param {number} px @param {number} py @param {number} frame @param {Set<string>} hidden @returns {Hit | null} */
  nearest(px, py, frame, hidden) {
    /** @type {Hit} */
    let best = { far: 18 };
    this.data.runs.forEach((run, r) => {
      if (hidden.has(run.key)) return;
      for (let f = 0; f <= Math.min(frame, run.last); f++) {
        const k = r * this.data.frames + f;
        const far = Math.hypot(this.at[2 * k] - px, this.at[2 * k + 1] - py);
        if (far < best.far) best = { far, r, f };
      }
    });
    return best.r === undefined ? null : best;
  }
}
