// Ranges of lines: a click on a number marks its line, a click with Shift marks up to there; `#L3-L7` is kept.

const mark = () => {
  for (const row of document.querySelectorAll("tr.marked")) row.classList.remove("marked");
  const found = /^#L(\d+)(?:-L(\d+))?$/.exec(location.hash);
  if (!found) return;
  const [first, last] = [Number(found[1]), Number(found[2] ?? found[1])].sort((a, b) => a - b);
  for (let line = first; line <= Math.min(last, first + 5000); line += 1) {
    document.getElementById(`L${line}`)?.classList.add("marked");
  }
  if (found[2]) document.getElementById(`L${first}`)?.scrollIntoView({ block: "center" });
};

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-line]");
  const before = /^#L(\d+)/.exec(location.hash);
  if (link && event.shiftKey && before) {
    event.preventDefault();
    location.hash = `L${before[1]}-L${link.dataset.line}`;
  }
});
addEventListener("hashchange", mark);
mark();
