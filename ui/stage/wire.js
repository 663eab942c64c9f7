// Reading a message: four bytes of length, a JSON header, then the arrays it names.
function decode(bytes) {
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const message = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  for (const [name, [type, from, to]] of Object.entries(message.arrays)) {
    const { buffer } = bytes.slice(4 + size + from, 4 + size + to); // a copy, so that it is aligned
    message[name] = type === "float32" ? new Float32Array(buffer) : type === "int16" ? new Int16Array(buffer) : new Uint16Array(buffer);
  }
  message.rows = Array.from({ length: message.frames }, (_, f) => Math.min(f * message.stride, message.steps));
  message.loss = Float64Array.from(message.gap, (v) => v + message.floor);
  return message;
}

function readable(v) {
  if (!Number.isFinite(v)) return v > 0 ? "∞" : Number.isNaN(v) ? "undefined" : "−∞";
  const size = Math.abs(v);
  const text = size && (size < 1e-3 || size >= 1e5) ? (+v.toPrecision(3)).toExponential() : String(+v.toPrecision(size < 1e4 ? 4 : 5));
  return text.replace("e+", "e").replace("-", "−").replace("e-", "e−");
}

const clamp = (v, lo, hi) => Math.min(hi, Math.max(lo, v));

// Stacked canvases: `back` changes with the problem, `trail` only grows while playing, `head` is redrawn each frame.
class Layers {
  constructor(figure) {
    this.figure = figure;
    this.layers = [...figure.querySelectorAll("canvas")].map((c) => c.getContext("2d"));
    [this.back, this.trail, this.head] = [this.layers[0], this.layers.at(-2), this.layers.at(-1)];
  }
  resize() {
    const { clientWidth: w, clientHeight: h } = this.figure;
    const dpr = Math.min(devicePixelRatio || 1, 2);
    if (!w || (w === this.w && h === this.h && dpr === this.dpr)) return false;
    Object.assign(this, { w, h, dpr });
    for (const { canvas } of this.layers) Object.assign(canvas, { width: w * dpr, height: h * dpr });
    return true;
  }
  clear(layer) {
    layer.setTransform(this.dpr, 0, 0, this.dpr, 0, 0);
    layer.clearRect(0, 0, this.w, this.h);
    layer.lineJoin = layer.lineCap = "round";
  }
}
