// The slider that uncovers the picture after: its share becomes the clip of the upper layer.

for (const part of document.querySelectorAll("[data-swipe]")) {
  const upper = part.querySelector(".upper");
  const slider = part.querySelector("input");
  const show = () => (upper.style.clipPath = `inset(0 0 0 ${100 - slider.value}%)`);
  slider.addEventListener("input", show);
  show();
}
