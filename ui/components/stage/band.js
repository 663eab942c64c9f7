// @ts-check
// The band: the runs over the whole range of one slider, to be scrubbed through. Positions and losses come as small integers.
class Band {
  /** @param {Picture} message */
  constructor(message) {
    this.told = message.band;
    this.paths = message.bandX;
    this.losses = message.bandGap;
    this.heights = message.bandGround;
    this.n = Math.round(Math.sqrt(this.heights.length / this.told.stops.length));
  }

  /** @param {number} stop */
  nearest(stop) {
    const { stops } = this.told;
    return stops.reduce((best, s, i) => (Math.abs(s - stop) < Math.abs(stops[best] - stop) ? i : best), 0);
  }

  // What a message would say at one of the values; `base` is the last message, for all that this slider does not move.
  /** @param {number} i @param {Picture} base @param {Setting} value */
  at(i, base, value) {
    const { id, rows, runs, grounds, axes, stopped, last: ends } = this.told;
    const [frames, many] = [rows.length, base.runs.length];
    const x = new Float32Array(2 * many * frames);
    const gap = new Float32Array(many * frames);
    const told = { ...base, ...grounds?.[i] };
    told.runs = base.runs.map((run, r) => {
      const mine = runs.indexOf(r);
      for (let f = 0, at = 0; f < frames; f++) {
        const to = r * frames + f;
        if (mine < 0) {
          while (base.rows[at] < rows[f]) at++;
          const from = r * base.frames + at;
          x[2 * to] = base.x[2 * from];
          x[2 * to + 1] = base.x[2 * from + 1];
          gap[to] = base.gap[from];
        } else {
          const from = (i * runs.length + mine) * frames + f;
          x[2 * to] = this.place(this.paths[2 * from], 0);
          x[2 * to + 1] = this.place(this.paths[2 * from + 1], 2);
          gap[to] = this.size(this.losses[from]);
        }
      }
      const under = gap.subarray(r * frames, (r + 1) * frames).findIndex((v) => v < 0);
      const left = axes[i].log && under >= 0 ? rows[under] : null;
      if (mine >= 0) return { ...run, stopped: stopped[i][mine], last: ends[i][mine], left };
      const last = rows.findIndex((row) => row >= base.rows[run.last]);
      return { ...run, last: last < 0 ? frames - 1 : last };
    });
    if (this.n) {
      told.fieldId = `${id} ${i}`;
      told.ground = { n: this.n, window: base.window, z: this.heights.subarray(i * this.n ** 2, (i + 1) * this.n ** 2) };
    }
    Object.assign(told, { x, gap, frames, rows, slope: null, axes: axes[i], shown: { [id]: value } });
    told.loss = Float64Array.from(gap, (v) => v + told.floor);
    return told;
  }

  /** @param {number} code @param {number} side */
  place(code, side) {
    const [lo, hi] = [this.told.reach[side], this.told.reach[side + 1]];
    return code === 65535 ? NaN : lo + (code / 65534) * (hi - lo);
  }

  /** @param {number} code */
  size(code) {
    return code && Math.sign(code) * 10 ** ((Math.abs(code) - 1) / this.told.fine - this.told.deep);
  }
}
