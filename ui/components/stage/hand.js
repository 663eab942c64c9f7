// @ts-check
// The hand on the map and the curves: the start is dragged, the view moved, the relief turned; the nearest point is told.
class Hand {
  /** @param {Stage} stage @param {HTMLElement} tip */
  constructor(stage, tip) {
    this.stage = stage;
    this.tip = tip;
    const figure = stage.map.figure;
    /** @param {Event} e */
    const onButton = ({ target }) => target instanceof Element && target.closest("button");
    /** @param {MouseEvent} e */
    const where = (e) => {
      const box = figure.getBoundingClientRect();
      return [e.clientX - box.left, e.clientY - box.top];
    };
    /** @type {{ px: number, py: number, what: string, view: View, camera: SurfaceMap["camera"], moved?: boolean }} */
    let grip = null;
    figure.onpointerdown = (e) => {
      if (e.button || onButton(e)) return;
      const [px, py] = where(e);
      const [sx, sy] = stage.map.project(...stage.data.start, stage.map.groundAt(...stage.data.start));
      const onStart = Math.hypot(px - sx, py - sy) < 14;
      grip = { px, py, what: onStart ? "start" : stage.map.relief ? "camera" : "view", view: stage.data.view, camera: { ...stage.map.camera } };
      figure.setPointerCapture(e.pointerId);
    };
    figure.onpointermove = (e) => {
      const [px, py] = where(e);
      if (!grip) return this.point(stage.map, stage.map.nearest(px, py, stage.frame, stage.hidden), px, py);
      if (!grip.moved && Math.hypot(px - grip.px, py - grip.py) < 4) return;
      grip.moved = true;
      this.tip.hidden = true;
      if (grip.what === "start") this.moveStart(stage.map.unproject(px, py), false);
      else if (grip.what === "camera") {
        stage.map.camera.turn = grip.camera.turn - (px - grip.px) / 150;
        stage.map.camera.rise = clamp(grip.camera.rise + (py - grip.py) / 200, 0.25, 1.5);
        stage.map.turning = true;
        stage.redraw();
      } else {
        const [x0, x1, y0, y1] = grip.view;
        const [dx, dy] = [((grip.px - px) / stage.map.w) * (x1 - x0), ((py - grip.py) / stage.map.h) * (y1 - y0)];
        this.look([x0 + dx, x1 + dx, y0 + dy, y1 + dy], false);
      }
    };
    figure.onpointerup = (e) => {
      if (!grip) return;
      const [px, py] = where(e);
      const { moved, what } = grip;
      grip = null;
      if (!moved || what === "start") {
        this.moveStart(stage.map.unproject(px, py), true);
        if (!moved) {
          stage.seek(0);
          stage.play(true);
        }
      } else if (what === "view") this.look(stage.data.view, true);
      else {
        stage.map.turning = false;
        stage.redraw();
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
      const [x0, x1] = stage.data.view;
      const hop = (e.shiftKey ? 0.05 : 0.01) * (x1 - x0);
      const move = { ArrowLeft: [-hop, 0], ArrowRight: [hop, 0], ArrowUp: [0, hop], ArrowDown: [0, -hop] }[e.key];
      const [x, y] = stage.data.start;
      const act = move ? () => this.moveStart([x + move[0], y + move[1]], true) : stage.keys[e.key];
      if (!act || onButton(e)) return;
      e.preventDefault();
      act();
    };
    const curves = stage.curves.figure;
    curves.onpointermove = (e) => {
      const box = curves.getBoundingClientRect();
      const [px, py] = [e.clientX - box.left, e.clientY - box.top];
      if (e.buttons === 1) stage.seek(((px - stage.curves.box.left) / (stage.curves.box.right - stage.curves.box.left)) * stage.data.steps);
      this.point(stage.curves, stage.curves.nearest(px, py, stage.frame, stage.hidden), px, py);
    };
    curves.onpointerleave = () => (this.tip.hidden = true);
  }

  /** @param {number[]} place @param {boolean} released */
  moveStart(place, released) {
    const { stage } = this;
    const [x0, x1] = stage.data.view;
    const digits = clamp(Math.ceil(3.3 - Math.log10(x1 - x0)), 0, 12); // to half a pixel or so
    const [x, y] = place.map((v) => +v.toFixed(digits));
    stage.data.start = [x, y];
    stage.map.drawHeads(stage.frame, stage.hidden);
    stage.ask({ start: [x, y] }, released);
  }

  /** @param {View} view @param {boolean} released */
  look(view, released) {
    const { stage } = this;
    const wide = view[1] - view[0];
    const { window } = stage.map.grid;
    if (!(wide > 1e-6 * Math.max(1, ...view.map(Math.abs)) && Math.max(...view.map(Math.abs)) < 1e5 + Math.abs(window[0]))) return;
    stage.data.view = view;
    stage.redraw();
    stage.ask({ view }, released);
  }

  /** @param {number} by @param {number[]} [at] */
  zoom(by, at) {
    const { stage } = this;
    const [px, py] = at ?? [stage.map.w / 2, stage.map.h / 2];
    const [x0, x1, y0, y1] = stage.data.view;
    const [x, y] = stage.map.relief ? [(x0 + x1) / 2, (y0 + y1) / 2] : stage.map.unproject(px, py);
    this.look([x + by * (x0 - x), x + by * (x1 - x), y + by * (y0 - y), y + by * (y1 - y)], true);
  }

  /** @param {Layers} layers @param {Hit | null} hit @param {number} px @param {number} py */
  point(layers, hit, px, py) {
    this.tip.hidden = !hit;
    if (!hit) return;
    const { data } = this.stage;
    const k = hit.r * data.frames + hit.f;
    this.tip.textContent =
      `${data.runs[hit.r].title}, step ${data.rows[hit.f]}\nx ${readable(data.x[2 * k])}   y ${readable(data.x[2 * k + 1])}\n` +
      `loss ${readable(data.loss[k])}   |gradient| ${data.slope ? readable(data.slope[k]) : "…"}`;
    const left = layers.figure.offsetLeft + px;
    const wide = layers.figure.parentElement.clientWidth;
    Object.assign(this.tip.style, { left: `${clamp(left + 14, 0, wide - 220)}px`, top: `${layers.figure.offsetTop + py + 16}px` });
  }
}
