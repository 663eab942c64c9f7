// @ts-check
/** @typedef {CanvasRenderingContext2D} Pen */
/** @typedef {Shades & { page: string, text: string, font: string }} Colours */

// Reading a message: four bytes of length, a JSON header, then the arrays it names.
/** @type {Record<string, new (bytes: ArrayBufferLike) => ArrayBufferView>} */
const KINDS = { float32: Float32Array, int16: Int16Array, uint16: Uint16Array, uint8: Uint8Array };

/** @param {Uint8Array} bytes */
function decode(bytes) {
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const message = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  for (const [name, [type, from, to]] of Object.entries(message.arrays)) {
    message[name] = new KINDS[type](bytes.slice(4 + size + from, 4 + size + to).buffer); // a copy, so that it is aligned
  }
  return message;
}

/** @param {number} v */
function readable(v) {
  if (!Number.isFinite(v)) return v > 0 ? "∞" : Number.isNaN(v) ? "undefined" : "−∞";
  const size = Math.abs(v);
  const text = size && (size < 1e-3 || size >= 1e5) ? (+v.toPrecision(3)).toExponential() : String(+v.toPrecision(size < 1e4 ? 4 : 5));
  return text.replace("e+", "e").replace("-", "−").replace("e-", "e−");
}

// Stacked canvases: `back` changes with the problem, `trail` only grows while playing, `head` is redrawn each frame.
class Layers {
  /** @type {number} */ w;
  /** @type {number} */ h;
  /** @type {number} */ dpr;

  /** @param {HTMLElement} figure */
  constructor(figure) {
    this.figure = figure;
    this.layers = [...figure.querySelectorAll("canvas")].map((c) => c.getContext("2d"));
    this.back = this.layers[0];
    this.trail = this.layers.at(-2);
    this.head = this.layers.at(-1);
  }
  resize() {
    const { clientWidth: w, clientHeight: h } = this.figure;
    const dpr = Math.min(devicePixelRatio || 1, 2);
    if (!w || (w === this.w && h === this.h && dpr === this.dpr)) return false;
    Object.assign(this, { w, h, dpr });
    for (const { canvas } of this.layers) Object.assign(canvas, { width: w * dpr, height: h * dpr });
    return true;
  }
  /** @param {Pen} layer */
  clear(layer) {
    layer.setTransform(this.dpr, 0, 0, this.dpr, 0, 0);
    layer.clearRect(0, 0, this.w, this.h);
    layer.lineJoin = layer.lineCap = "round";
  }
}

/** @param {number} lo @param {number} hi @param {number} most */
function ticks(lo, hi, most) {
  const rough = (hi - lo) / most;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((m) => m * unit >= rough);
  const found = [];
  for (let k = Math.ceil(lo / step); k * step <= hi; k++) found.push(+(k * step).toPrecision(12));
  return found;
}

/** @param {Element} element @param {string} text */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {string} colour */
function dot(colour) {
  const mark = make("span", { className: "dot" });
  mark.style.background = colour;
  return mark;
}

/** @template {keyof HTMLElementTagNameMap} T @param {T} tag @param {Partial<HTMLElementTagNameMap[T]>} [properties] */
function make(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

// The page's own colours and font, and ours for a light or a dark page; what it was before where the page has not changed.
/** @param {HTMLElement} root @param {Record<string, Shades>} theme @param {Colours} [before] @returns {Colours} */
function themed(root, theme, before) {
  const style = getComputedStyle(root);
  const [page, text, font] = ["--st-background-color", "--st-text-color", "--st-font"].map((name) => style.getPropertyValue(name).trim());
  if (before?.page === page && before?.text === text) return before;
  const probe = new OffscreenCanvas(1, 1).getContext("2d");
  probe.fillStyle = page || "#fff";
  probe.fillRect(0, 0, 1, 1);
  const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
  const scheme = r + 2 * g + b < 512 ? "dark" : "light";
  root.style.colorScheme = scheme;
  return { page, text, font, ...theme[scheme] };
}
