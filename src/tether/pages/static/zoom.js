// A click on a picture shows it in its own size, another one fits it to the page again.

for (const stage of document.querySelectorAll("[data-zoom]")) {
  stage.addEventListener("click", (event) => {
    const image = event.target.closest("img");
    if (image && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      stage.classList.toggle("real");
    }
  });
}
