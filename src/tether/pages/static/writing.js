// Asks before a page is left on which something was typed and not sent, and chooses the new branch for who names one.

const form = document.querySelector("form.writing");
let typed = false;
form.addEventListener("input", (event) => {
  typed = true;
  if (event.target.id === "branch") form.querySelector("[name=to][value=new]").checked = true;
});
form.addEventListener("submit", () => (typed = false));
addEventListener("beforeunload", (event) => {
  if (typed) event.preventDefault();
});
