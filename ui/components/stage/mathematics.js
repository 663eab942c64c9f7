// @ts-check
/** @typedef {Statement["target"]} Letters */
/** @typedef {(letters: Letters, given?: number | { at: number }) => Element} Leaf */

// Trees from Python as MathML.
const MATH = "http://www.w3.org/1998/Math/MathML";

/** @param {string} tag @param {(Node | string)[]} parts */
function math(tag, ...parts) {
  const element = document.createElementNS(MATH, tag);
  element.append(...parts);
  return element;
}

/** @param {string} text */
const sign = (text) => math("mo", text);
/** @param {string} open @param {Node} part @param {string} close */
const enclosed = (open, part, close) => math("mrow", sign(open), part, sign(close));

/** @param {Letters} letters */
const spelt = ([letter, below]) => letter + (below && `_${below}`);

/** @param {Letters} letters */
function lettered([letter, below, hat]) {
  const plain = letter.length > 1 ? math("mtext", letter) : math("mi", letter);
  const head = hat ? math("mover", plain, sign("^")) : plain;
  return below ? math("msub", head, below.length > 1 ? math("mtext", below) : math("mi", below)) : head;
}

// A tree as mathematics; `leaf` draws its names.
/** @param {any[]} tree @param {Leaf} leaf @returns {Element} */
function mathOf(tree, leaf) {
  const [kind, ...parts] = tree;
  if (kind === "name") return leaf(parts[0], parts[1]);
  if (kind === "number") return math("mn", parts[0]);
  if (kind === "call") {
    const inner = parts.slice(1).flatMap((part, i) => (i ? [sign(","), mathOf(part, leaf)] : [mathOf(part, leaf)]));
    return math("mrow", math("mi", parts[0]), enclosed("(", math("mrow", ...inner), ")"));
  }
  if (kind === "cases") {
    const rows = [];
    let rest = tree;
    for (; rest[0] === "cases"; rest = rest[3]) rows.push([mathOf(rest[1], leaf), math("mrow", math("mtext", "\u2002if\u2002"), mathOf(rest[2], leaf))]);
    rows.push([mathOf(rest, leaf), math("mtext", "\u2002otherwise")]);
    return math("mtable", ...rows.map((cells) => math("mtr", ...cells.map((cell) => math("mtd", cell)))));
  }
  const [a, b] = parts.map((part) => mathOf(part, leaf));
  if (kind === "neg") return math("mrow", sign("−"), a);
  if (kind === "over") return math("mfrac", a, b);
  if (kind === "to") return math("msup", a, b);
  if (kind === "sqrt") return math("mrow", sign("√"), ["name", "number"].includes(parts[0][0]) ? a : enclosed("(", a, ")")); // no font need stretch it
  if (kind === "abs") return enclosed("|", a, "|");
  if (kind === "in") return enclosed("(", a, ")");
  if (kind === "times" && leaf === symbolic) return math("mrow", a, space(), b);
  return math("mrow", a, sign(kind === "-" ? "−" : kind === "times" ? "·" : kind), b);
}

function space() {
  const thin = math("mspace");
  thin.setAttribute("width", "0.17em");
  return thin;
}

/** @param {Node[]} parts */
function displayed(...parts) {
  const whole = math("math", ...parts);
  whole.setAttribute("displaystyle", "true");
  return whole;
}

/** @type {Leaf} */
const symbolic = (letters) => lettered(letters);
/** @param {number} v */
function precise(v) {
  if (!Number.isFinite(v)) return "–";
  const size = Math.abs(v);
  const text = size && (size < 1e-4 || size >= 1e6) ? (+v.toPrecision(6)).toExponential() : String(+v.toPrecision(6));
  return text.replace("e+", "e").replaceAll("-", "−");
}
/** @param {number} v */
const bracketed = (v) => (v < 0 ? `(${readable(v)})` : readable(v));
