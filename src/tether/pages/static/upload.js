// Files dropped or chosen are sent to the workspace of the page, some at a time, each by a request of its own.
// What the network lost is sent again; what the hub refused is listed with its reason.

const AT_ONCE = 4;
const TRIES = 5;
const LATER = [0, 408, 425, 429, 502, 503, 504];

const form = document.querySelector("[data-upload]");
if (form) begin(form);

function begin(form) {
  const state = { waiting: [], failed: [], under: new Map(), done: 0, files: 0, bytes: 0, sent: 0, busy: 0, stopped: false };
  const parts = {
    box: form.querySelector(".progress"),
    bar: form.querySelector("progress"),
    words: form.querySelector("[role=status]"),
    stop: form.querySelector("[data-stop]"),
    again: form.querySelector("[data-again]"),
    failed: form.querySelector(".failed"),
    drop: form.querySelector(".dropped"),
  };
  for (const each of form.querySelectorAll(".scripted, #folder")) each.hidden = false;
  for (const each of form.querySelectorAll(".unscripted")) each.hidden = true;
  form.querySelector("#file").classList.add("unseen"); // its label is the button, the field keeps the focus
  const add = (files) => queue(form, state, parts, files);

  for (const input of form.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => {
      add([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
      input.value = "";
    });
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const name of ["dragenter", "dragover"]) {
    form.addEventListener(name, (event) => {
      event.preventDefault();
      parts.drop.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) form.addEventListener(name, () => parts.drop.classList.remove("over"));
  form.addEventListener("drop", async (event) => {
    event.preventDefault();
    add(await dropped(event.dataTransfer));
  });
  parts.stop.addEventListener("click", () => {
    state.stopped = true;
    state.failed.push(...state.waiting.splice(0).map((each) => ({ ...each, why: "stopped" })));
    for (const request of [...state.under.keys()]) request.abort();
    show(state, parts);
  });
  parts.again.addEventListener("click", () => {
    state.stopped = false;
    state.waiting.push(...state.failed.splice(0));
    run(form, state, parts);
  });
  addEventListener("beforeunload", (event) => {
    if (state.busy) event.preventDefault();
  });
}

// Entries have to be taken before the first wait: afterwards the browser has emptied the list.
async function dropped(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
  if (!entries.length) return [...data.files].map((file) => ({ file, path: file.name }));
  const found = [];
  for (const entry of entries) await walk(entry, "", found);
  return found;
}

async function walk(entry, start, found) {
  const path = start + entry.name;
  if (entry.isFile) {
    found.push({ file: await new Promise((done, fail) => entry.file(done, fail)), path });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return;
    for (const each of some) await walk(each, path + "/", found);
  }
}

function queue(form, state, parts, files) {
  if (!files.length) return;
  const most = Number(form.dataset.most);
  const into = form.querySelector("#into").value.trim().replace(/^\/+|\/+$/g, "");
  state.stopped = false;
  for (const { file, path } of files) {
    const whole = into ? `${into}/${path}` : path;
    state.files += 1;
    if (state.files > most) {
      state.failed.push({ file, path: whole, why: `a workspace holds ${most} files` });
      continue;
    }
    state.bytes += file.size;
    state.waiting.push({ file, path: whole });
  }
  run(form, state, parts);
}

function run(form, state, parts) {
  while (state.busy < AT_ONCE && state.waiting.length) {
    state.busy += 1;
    send(form, state, parts, state.waiting.shift()).finally(() => {
      state.busy -= 1;
      if (state.busy || state.waiting.length) run(form, state, parts);
      else if (!state.failed.length) location.assign(address(form));
      show(state, parts);
    });
  }
  show(state, parts);
}

function address(form) {
  const into = form.querySelector("#into").value.trim();
  return location.pathname + (into ? `?into=${encodeURIComponent(into)}` : "");
}

async function send(form, state, parts, item) {
  let reply;
  for (let turn = 0; turn < TRIES && !state.stopped; turn += 1) {
    reply = await put(form.dataset.upload + item.path.split("/").map(encodeURIComponent).join("/"), state, parts, item);
    if (!LATER.includes(reply.status)) break;
    await new Promise((done) => setTimeout(done, 1000 * Math.max(reply.wait, 2 ** turn)));
  }
  if (reply && reply.status === 200) {
    state.done += 1;
    state.sent += item.file.size;
  } else {
    state.failed.push({ ...item, why: state.stopped ? "stopped" : reply.why });
  }
}

function put(target, state, parts, item) {
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    const end = (answer) => {
      state.under.delete(request);
      done(answer);
    };
    request.open("PUT", target);
    request.upload.addEventListener("progress", (event) => {
      state.under.set(request, event.loaded);
      show(state, parts);
    });
    request.addEventListener("load", () =>
      end({ status: request.status, why: reason(request), wait: Number(request.getResponseHeader("Retry-After")) || 0 }),
    );
    for (const name of ["error", "abort", "timeout"]) {
      request.addEventListener(name, () => end({ status: 0, why: "the connection was lost", wait: 0 }));
    }
    state.under.set(request, 0);
    request.send(item.file);
  });
}

function reason(request) {
  try {
    return JSON.parse(request.responseText).error.message;
  } catch {
    return `the hub answered ${request.status}`;
  }
}

function show(state, parts) {
  let sent = state.sent;
  for (const each of state.under.values()) sent += each;
  parts.box.hidden = false;
  parts.bar.max = Math.max(state.bytes, 1);
  parts.bar.value = Math.min(sent, state.bytes);
  const failed = state.failed.length ? `, ${state.failed.length} failed` : "";
  parts.words.textContent = `${state.done} of ${state.files} files, ${size(sent)} of ${size(state.bytes)}${failed}`;
  parts.stop.hidden = !state.busy;
  parts.again.hidden = Boolean(state.busy) || !state.failed.length;
  parts.failed.hidden = !state.failed.length;
  parts.failed.replaceChildren(
    ...state.failed.slice(0, 50).map((each) => {
      const line = document.createElement("li");
      line.textContent = `${each.path}: ${each.why}`;
      return line;
    }),
  );
}

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (bytes >= 1000 && at < units.length - 1) {
    bytes /= 1000;
    at += 1;
  }
  return `${at ? bytes.toFixed(1) : bytes} ${units[at]}`;
}
