// Pictures that are pasted or dropped into a text are sent, and their address put where the cursor is.

const send = async (area, file) => {
  const mark = `![sending ${Date.now()}]()`;
  area.setRangeText(mark, area.selectionStart, area.selectionEnd, "end");
  let text = "";
  try {
    const reply = await fetch(area.dataset.paste, { method: "POST", body: file, headers: { "Content-Type": file.type } });
    const said = await reply.json();
    text = reply.ok ? `![picture](${said.address})` : `(the picture was not taken: ${said.error?.message ?? said.error})`;
  } catch {
    text = "(the picture was not sent)";
  }
  area.value = area.value.replace(mark, () => text);
};

const pictures = (data) => [...(data?.files ?? [])].filter((file) => file.type.startsWith("image/"));

for (const area of document.querySelectorAll("textarea[data-paste]")) {
  for (const kind of ["paste", "drop"]) {
    area.addEventListener(kind, (event) => {
      const found = pictures(event.clipboardData ?? event.dataTransfer);
      if (found.length) event.preventDefault();
      for (const file of found) send(area, file);
    });
  }
}
