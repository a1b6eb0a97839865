// A run that goes on: its curves and what it printed are fetched again, until it has ended.

const part = document.querySelector("[data-live]");
const EVERY = 3000;

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(part.dataset.live, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        part.innerHTML = await answer.text();
        for (const tail of part.querySelectorAll(".tail")) tail.scrollTop = tail.scrollHeight;
        if (part.querySelector("[data-state=ended]")) {
          location.reload();
          return;
        }
      }
    } catch {
      // It is tried again.
    }
  }
  setTimeout(look, EVERY);
}

if (part) setTimeout(look, EVERY);
