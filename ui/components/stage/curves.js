// @ts-check
// Loss against step. On the logarithmic axis the strip below the lowest decade holds everything smaller, down to true zero, and
// one more whatever is below what is called the minimum.
class Curves extends Layers {
  log = true;
  /** @type {(step: number) => number} */ x;
  /** @type {(v: number) => number} */ y;

  /** @param {Picture} message @param {Colours} colours */
  take(message, colours) {
    this.data = message;
    this.colours = colours;
    this.logarithmic = this.log && message.axes.log !== null;
  }

  place() {
    const { loss, gap, runs, frames, rows, steps, axes } = this.data;
    const least = gap.filter((v) => this.logarithmic && v >= 0 && v < 10 ** axes.log[0]);
    this.strip = least.length && (least.some((v) => v > 0) ? `<1e${axes.log[0]}`.replace("-", "−") : "0");
    const under = this.logarithmic && gap.some((v) => v < 0);
    this.box = { left: 46, right: this.w - 10, top: 40, bottom: this.h - 26 - (this.strip ? 22 : 0) - (under ? 22 : 0) };
    const { left, right, top, bottom } = this.box;
    this.under = under && bottom + (this.strip ? 40 : 18);
    const [lo, hi] = this.logarithmic ? axes.log : axes.linear;
    this.x = (step) => left + (step / steps) * (right - left);
    this.y = (v) => {
      if (this.logarithmic && v < 0) return this.under;
      const u = this.logarithmic ? (v > 0 ? (Math.log10(v) - lo) / (hi - lo) : -1) : (v - lo) / (hi - lo);
      return u < 0 && this.logarithmic ? bottom + 18 : clamp(bottom - u * (bottom - top), -1e4, 1e4);
    };
    this.at = new Float32Array(2 * runs.length * frames);
    for (let k = 0; k < runs.length * frames; k++) {
      this.at[2 * k] = this.x(rows[k % frames]);
      this.at[2 * k + 1] = this.y(this.logarithmic ? gap[k] : loss[k]);
    }
  }

  /** @param {Set<string>} hidden */
  drawBack(hidden) {
    const g = this.back;
    this.clear(g);
    const { left, right, top, bottom } = this.box;
    const { steps, axes, runs, threshold } = this.data;
    g.font = `11px ${this.colours.font}`;
    g.lineWidth = 1;
    g.fillStyle = this.colours.text;
    g.strokeStyle = this.colours.line;
    /** @param {number} y @param {string} label */
    const line = (y, label) => {
      g.beginPath();
      g.moveTo(left, y);
      g.lineTo(right, y);
      g.stroke();
      g.textAlign = "right";
      g.fillText(label, left - 6, y + 4);
    };
    if (this.logarithmic) {
      const [lo, hi] = axes.log;
      const every = Math.ceil((hi - lo) / 8);
      for (let p = hi; p >= lo; p -= every) {
        line(this.y(10 ** p), p > -3 && p < 4 ? readable(10 ** p) : `1e${p}`.replace("-", "−"));
        if (hi - lo <= 2 && p > lo) for (const m of [0.2, 0.5]) line(this.y(m * 10 ** p), readable(m * 10 ** p));
      }
      if (this.strip) line(bottom + 18, this.strip);
      if (this.under) line(this.under, "below");
    } else for (const v of ticks(axes.linear[0], axes.linear[1], 7)) line(this.y(v), readable(v));
    g.textAlign = "center";
    for (const v of ticks(0, steps, 5)) if (v === Math.round(v)) g.fillText(String(v), clamp(this.x(v), left, right - 10), this.h - 8);
    g.textAlign = "left";
    g.font = `600 12px ${this.colours.font}`;
    g.fillText(this.logarithmic ? "Loss above the minimum" : "Loss", left, 24);
    if (this.logarithmic && threshold !== null && this.y(threshold) < bottom && this.y(threshold) > top) {
      g.setLineDash([2, 4]);
      g.strokeStyle = this.colours.text;
      g.beginPath();
      g.moveTo(left, this.y(threshold));
      g.lineTo(right, this.y(threshold));
      g.stroke();
      g.setLineDash([]);
    }
    this.clip(g);
    g.globalAlpha = 0.25;
    runs.forEach((run, r) => !hidden.has(run.key) && this.stroke(g, run, r, 0, run.last, 1.5));
    g.restore();
    runs.forEach((run, r) => !hidden.has(run.key) && this.leaves(g, run, r));
  }

  // A curve that goes on beyond the axis, or below the minimum, has a small arrow where it first leaves.
  /** @param {Pen} g @param {Run} run @param {number} r */
  leaves(g, run, r) {
    const { top, bottom } = this.box;
    const edges = this.logarithmic ? [[top, -1], ...(this.under ? [[this.under - 7, 1]] : [])] : [[top, -1], [bottom, 1]];
    for (const [edge, way] of edges) {
      for (let f = 0; f <= run.last; f++) {
        const k = 2 * (r * this.data.frames + f);
        if ((this.at[k + 1] - edge) * way < 7) continue;
        g.fillStyle = run.colour;
        g.beginPath();
        for (const [x, y] of [[-5, 0], [5, 0], [0, 7 * way]]) g.lineTo(this.at[k] + x, edge + y);
        g.fill();
        break;
      }
    }
  }

  /** @param {Pen} g */
  clip(g) {
    g.save();
    g.beginPath();
    const low = this.logarithmic ? this.h : this.box.bottom + 6;
    g.rect(this.box.left, this.box.top - 6, this.box.right - this.box.left + 8, low - this.box.top + 6);
    g.clip();
  }

  /** @param {Pen} g @param {Run} run @param {number} r @param {number} from @param {number} to @param {number} width */
  stroke(g, run, r, from, to, width) {
    const { frames } = this.data;
    g.beginPath();
    for (let f = from; f <= to; f++) g.lineTo(this.at[2 * (r * frames + f)], this.at[2 * (r * frames + f) + 1]);
    g.lineWidth = width;
    g.strokeStyle = run.colour;
    g.stroke();
  }

  /** @param {number} from @param {number} to @param {Set<string>} hidden */
  drawTrail(from, to, hidden) {
    const g = this.trail;
    if (from === 0) this.clear(g);
    this.clip(g);
    this.data.runs.forEach((run, r) => {
      const last = Math.min(to, run.last);
      if (!hidden.has(run.key) && last > from) this.stroke(g, run, r, from, last, 2);
    });
    g.restore();
  }

  /** @param {number} frame @param {Set<string>} hidden */
  drawHeads(frame, hidden) {
    const g = this.head;
    this.clear(g);
    const { runs, frames, rows } = this.data;
    const px = this.x(rows[frame]);
    g.strokeStyle = this.colours.text;
    g.globalAlpha = 0.5;
    g.lineWidth = 1;
    g.beginPath();
    g.moveTo(px, this.box.top - 6);
    g.lineTo(px, this.h - 24);
    g.stroke();
    g.globalAlpha = 1;
    this.clip(g);
    runs.forEach((run, r) => {
      if (hidden.has(run.key)) return;
      const k = r * frames + Math.min(frame, run.last);
      g.beginPath();
      g.fillStyle = run.colour;
      g.arc(this.at[2 * k], this.at[2 * k + 1], 4, 0, 7);
      g.fill();
    });
    g.restore();
  }

  /** @param {number} px @param {number} py @param {number} frame @param {Set<string>} hidden @returns {Hit | null} */
  nearest(px, py, frame, hidden) {
    /** @type {Hit} */
    let best = { far: 24 };
    const { rows, steps, stride } = this.data;
    const step = ((px - this.box.left) / (this.box.right - this.box.left)) * steps;
    const f = Math.max(0, rows.findLastIndex((row) => row <= step + stride / 2));
    this.data.runs.forEach((run, r) => {
      if (hidden.has(run.key) || f > run.last) return;
      const far = Math.abs(this.at[2 * (r * this.data.frames + f) + 1] - py);
      if (far < best.far) best = { far, r, f };
    });
    return best.r === undefined ? null : best;
  }
}
