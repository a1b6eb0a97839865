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
  if (found) fill({ kind: "row", side: "head", key: decodeURIComponent(found.id.slice(4)) });
};

const region = (image, side) => {
  image.draggable = false;
  let from = null;
  const at = (event) => {
    const box = image.getBoundingClientRect();
    const clip = (value, size) => Math.min(Math.max(value, 0), size);
    const scale = [image.naturalWidth / box.width, image.naturalHeight / box.height];
    return [clip((event.clientX - box.left) * scale[0], image.naturalWidth), clip((event.clientY - box.top) * scale[1], image.naturalHeight)].map(Math.round);
  };
  image.addEventListener("pointerdown", (event) => {
    from = at(event);
    image.setPointerCapture(event.pointerId);
  });
  image.addEventListener("pointerup", (event) => {
    if (!from) return;
    const to = at(event);
    const [x, y] = [Math.min(from[0], to[0]), Math.min(from[1], to[1])];
    const [w, h] = [Math.abs(from[0] - to[0]), Math.abs(from[1] - to[1])];
    from = null;
    if (w < 3 || h < 3) return;
    image.closest("a")?.addEventListener("click", (click) => click.preventDefault(), { once: true });
    fill({ kind: "region", side, x, y, w, h });
  });
};

if (form && place) {
  form.elements.kind.addEventListener("change", show);
  place.addEventListener("click", (event) => (line(event), row(event)));
  for (const image of place.querySelectorAll(".pictures img")) region(image, image.alt.startsWith("Before") ? "base" : "head");
  show();
}
