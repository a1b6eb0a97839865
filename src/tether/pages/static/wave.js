// How loud a sound is over its length, drawn by the browser: it decodes the kinds that the server does not.

const PLACES = 240;

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

for (const stage of document.querySelectorAll("[data-wave]")) {
  // A low rate keeps the decoded sound small; what fails leaves the player alone.
  const context = new OfflineAudioContext(1, 1, 8000);
  fetch(stage.dataset.wave)
    .then((reply) => (reply.ok ? reply.arrayBuffer() : Promise.reject(new Error(reply.statusText))))
    .then((data) => context.decodeAudioData(data))
    .then((sound) => draw(stage, sound))
    .catch(() => {});
}
