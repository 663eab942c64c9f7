// @ts-check
// A line through the places that there are, open where there is none.
/** @param {Pen} g @param {([number, number] | null | false)[]} places */
function trace(g, places) {
  g.beginPath();
  let open = false;
  for (const place of places) {
    if (place && open) g.lineTo(...place);
    else if (place) g.moveTo(...place);
    open = Boolean(place);
  }
  g.stroke();
}

// A figure of two canvases, for Layers.
function sheet(className = "") {
  const figure = make("figure", { className });
  figure.append(make("canvas"), make("canvas"));
  return figure;
}
