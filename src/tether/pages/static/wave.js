// How loud a sound is over its length, drawn by the browser: it decodes the kinds that the server does not.

const PLACES = 240;
// Seconds of a sound that is decoded: a small file may hold days of silence, and all of it would be in memory.
// What its head says is believed: nothing tells how long it really is before it is decoded.
const LONGEST = 900;

const metadata = (player) => new Promise((done) => {
  if (player.readyState >= HTMLMediaElement.HAVE_METADATA) done();
  else player.addEventListener("loadedmetadata", done, { once: true });
});

const draw = (stage, sound) => {
  const shape = stage.querySelector("svg");
  const each = sound.length / PLACES;
  const channels = Array.from({ length: sound.numberOfChannels }, (_, at) => sound.getChannelData(at));
  let path = "";
  for (let place = 0; place < PLACES; place += 1) {
    let peak = 0;
    for (let at = Math.floor(place * each); at < Math.min(Math.ceil((place + 1) * each), sound.length); at += 1) {
      for (const channel of channels) peak = Math.max(peak, Math.abs(channel[at]));
    }
    const half = Math.max(Math.min(peak, 1) * 50, 0.5);
    path += `M${place}.5 ${(50 - half).toFixed(1)}V${(50 + half).toFixed(1)}`;
  }
  shape.querySelector("path").setAttribute("d", path);
  shape.removeAttribute("hidden");
};

const show = async (stage) => {
  const player = stage.querySelector("audio");
  await metadata(player);
  // What is endless or says nothing of its length is Infinity or NaN.
  if (!(player.duration <= LONGEST)) return;
  const reply = await fetch(stage.dataset.wave);
  if (!reply.ok) return;
  // A low rate keeps the decoded sound small.
  const context = new OfflineAudioContext(1, 1, 8000);
  draw(stage, await context.decodeAudioData(await reply.arrayBuffer()));
};

// What fails leaves the player alone.
for (const stage of document.querySelectorAll("[data-wave]")) show(stage).catch(() => {});
