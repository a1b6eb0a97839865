// Places for notes: a click on a line or a row fills the form, a drag over a picture makes a region.

const form = document.querySelector("form[data-note]");
const place = document.querySelector("[data-notes]");

const fill = (values) => {
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  show();
};

const show = () => {
  for (const part of form.querySelectorAll("[data-for]")) part.hidden = part.dataset.for !== form.elements.kind.value;
};

const line = (event) => {
  const cell = event.target.closest(".diff td.no");
  if (!cell || !cell.textContent.trim()) return;
  const cells = [...cell.parentElement.querySelectorAll("td.no")];
  const number = cell.textContent.trim();
  const side = cells.indexOf(cell) === 0 ? "base" : "head";
  const start = event.shiftKey && form.elements.side.value === side ? form.elements.start.value || number : number;
  const [first, last] = [Number(start), Number(number)].sort((a, b) => a - b);
  fill({ kind: "line", side, start: first, end: last });
};

const row = (event) => {
  const found = event.target.closest("tr[id^='row-']");
  const side = found?.classList.contains("removed") ? "base" : "head";
  if (found) fill({ kind: "row", side, key: decodeURIComponent(found.id.slice(4)) });
};

const region = (image, side) => {
  const around = image.closest("a") ?? image.parentElement;
  around.draggable = image.draggable = false; // else a drag begins to carry the link away, and ends here
  around.classList.add("marking");
  const mark = around.appendChild(document.createElement("span"));
  mark.hidden = true;
  let from = null;
  const at = (event) => {
    const box = image.getBoundingClientRect();
    const clip = (value, size) => Math.min(Math.max(value, 0), size);
    const scale = [image.naturalWidth / box.width, image.naturalHeight / box.height];
    return [clip((event.clientX - box.left) * scale[0], image.naturalWidth), clip((event.clientY - box.top) * scale[1], image.naturalHeight)].map(Math.round);
  };
  const drawn = (event) => {
    const to = at(event);
    const [x, y] = [Math.min(from[0], to[0]), Math.min(from[1], to[1])];
    const [w, h] = [Math.abs(from[0] - to[0]), Math.abs(from[1] - to[1])];
    const [wide, high] = [image.offsetWidth / image.naturalWidth, image.offsetHeight / image.naturalHeight];
    const edges = { left: image.offsetLeft + x * wide, top: image.offsetTop + y * high, width: w * wide, height: h * high };
    for (const [name, value] of Object.entries(edges)) mark.style[name] = `${value}px`;
    mark.hidden = w < 3 || h < 3;
    return { x, y, w, h };
  };
  image.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    for (const other of place.querySelectorAll(".marking > span")) other.hidden = true;
    from = at(event);
    image.setPointerCapture(event.pointerId);
  });
  image.addEventListener("pointermove", (event) => from && drawn(event));
  image.addEventListener("pointerup", (event) => {
    if (!from) return;
    const found = drawn(event);
    from = null;
    if (mark.hidden) return;
    around.addEventListener("click", (click) => click.preventDefault(), { once: true });
    fill({ kind: "region", side, ...found });
  });
  image.addEventListener("pointercancel", () => (from = null));
};

if (form && place) {
  form.elements.kind.addEventListener("change", show);
  place.addEventListener("click", (event) => (line(event), row(event)));
  for (const image of place.querySelectorAll(".pictures img")) region(image, image.alt.startsWith("Before") ? "base" : "head");
  show();
}
