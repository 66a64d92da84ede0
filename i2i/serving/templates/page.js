"use strict";
// An image is chosen, dropped or pasted, sent to "translate", and shown beside its translation.

const element = (id) => document.getElementById(id);
const [file, direction, result, compare, before, after, slider] =
  ["file", "direction", "result", "compare", "before", "after", "slider"].map(element);
const maxBytes = Number(document.body.dataset.maxBytes);
const maxPixels = Number(document.body.dataset.maxPixels);
const SMALL = 256;  // images whose longer side is shorter are enlarged by a whole factor
const LARGE = 448;  // up to this

let current = null;  // the image that is shown: { name, content }
let running = null;  // the AbortController of what is under way

const megapixels = (count) => `${Number((count / 1e6).toPrecision(3))} megapixels`;
const duration = (milliseconds) =>
  milliseconds < 950 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(milliseconds < 9950 ? 1 : 0)} s`;
const chosen = () => direction.querySelector(":checked");

// ---- what is shown -------------------------------------------------------------------------------------------------

function say(text) {
  element("about").textContent = text;
}

function complain(text) {
  element("message-text").textContent = text;
  element("message").hidden = false;
}

function settle() {  // nothing is under way any more
  running = null;
  result.classList.remove("working");
  element("cancel").hidden = true;
}

function slide(percent) {
  slider.value = percent;
  compare.style.setProperty("--at", `${percent}%`);
  slider.setAttribute("aria-valuetext", `${Math.round(percent)} % before, ${100 - Math.round(percent)} % after`);
}

function fit(image) {
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  const longer = Math.max(width, height);
  const factor = longer < SMALL ? Math.max(1, Math.floor(LARGE / longer)) : 1;
  compare.classList.toggle("enlarged", factor > 1);
  result.style.setProperty("--width", `${width * factor}px`);
  result.style.setProperty("--ratio", width / height);
}

function replaceSource(image, content) {
  if (image.src) URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(content);
  return image.decode().then(() => true, () => false);  // false: a browser that cannot show this format, such as TIFF
}

function clear() {
  element("message").hidden = element("shrink").hidden = true;
  after.hidden = element("handle").hidden = slider.hidden = element("download").hidden = true;
  compare.classList.remove("animated", "alone");
  slide(100);
}

async function showTranslation(content, milliseconds) {
  await replaceSource(after, content);
  fit(after);
  after.hidden = element("handle").hidden = slider.hidden = false;
  say(`${after.naturalWidth} × ${after.naturalHeight}${milliseconds ? `, ${duration(milliseconds)}` : ""}`);
  const download = element("download");
  download.href = after.src;
  download.download = `${current.name.replace(/\.[^.]*$/, "")}-${chosen().dataset.target.replace(/[^\w.-]+/g, "-")}.png`;
  download.hidden = false;
  requestAnimationFrame(() => {
    compare.classList.add("animated");
    slide(50);
  });
}

// ---- the way to the server -----------------------------------------------------------------------------------------

const pause = (seconds, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, seconds * 1000);
  signal.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
});

async function send(content, signal) {
  for (;;) {
    const response = await fetch(`translate?direction=${encodeURIComponent(chosen().value)}`, {
      method: "POST", body: content, signal, headers: { "Content-Type": "application/octet-stream" },
    });
    const wait = Number(response.headers.get("Retry-After"));
    if (response.status !== 503 || !wait) return response;
    for (let left = wait; left > 0; left--) {
      say(`The server is busy; trying again in ${left} s`);
      await pause(1, signal);
    }
    say("Translating …");
  }
}

async function translate() {
  running?.abort();
  const mine = running = new AbortController();
  clear();
  element("title").textContent = `${chosen().dataset.source} to ${chosen().dataset.target}`;
  if (!current) return settle();
  element("name").textContent = current.name;
  result.hidden = false;
  document.body.classList.add("started");

  const visible = await replaceSource(before, current.content);
  if (running !== mine) return;
  compare.hidden = !visible;
  compare.classList.toggle("alone", !visible);
  const pixels = visible ? before.naturalWidth * before.naturalHeight : 0;
  if (visible) fit(before);
  say(visible ? `${before.naturalWidth} × ${before.naturalHeight}` : "");
  if (pixels > maxPixels) {
    offerToShrink(pixels);
    return settle();
  }
  if (current.content.size > maxBytes) {
    complain(`The file has ${(current.content.size / 2 ** 20).toFixed(1)} MiB; this server takes up to ${Number((maxBytes / 2 ** 20).toPrecision(3))} MiB.`);
    return settle();
  }

  result.classList.add("working");
  element("cancel").hidden = false;
  say("Translating …");
  try {
    const response = await send(current.content, mine.signal);
    if (response.ok) {
      const timing = /translate;dur=([\d.]+)/.exec(response.headers.get("Server-Timing") ?? "");
      const content = await response.blob();
      if (running !== mine) return;
      compare.hidden = false;
      await showTranslation(content, timing && Number(timing[1]));
    } else {
      const answer = await response.json().catch(() => ({ error: `The server answered ${response.status}.` }));
      if (running !== mine) return;
      say("");
      complain(answer.error[0].toUpperCase() + answer.error.slice(1) + (answer.error.endsWith(".") ? "" : "."));
    }
  } catch (error) {
    if (running !== mine) return;
    say(mine.signal.aborted ? "Cancelled" : "");
    if (!mine.signal.aborted) complain("The server cannot be reached. Is it still running?");
  }
  if (running === mine) settle();
}

// ---- images that are too large -------------------------------------------------------------------------------------

function offerToShrink(pixels) {
  const scale = Math.sqrt(maxPixels / pixels);
  const width = Math.max(1, Math.floor(before.naturalWidth * scale));
  const height = Math.max(1, Math.floor(before.naturalHeight * scale));
  complain(`The image has ${megapixels(pixels)}; this server takes up to ${megapixels(maxPixels)}.`);
  const button = element("shrink");
  button.textContent = `Shrink it to ${width} × ${height} and translate`;
  button.hidden = false;
  button.onclick = async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const drawing = canvas.getContext("2d");
    drawing.imageSmoothingQuality = "high";
    drawing.drawImage(before, 0, 0, width, height);
    const content = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    if (!content) return complain("The browser could not shrink this image.");
    current = { name: current.name, content };
    translate();
  };
}

compare.style.setProperty("--behind", document.body.dataset.background);

// ---- what a person does --------------------------------------------------------------------------------------------

function take(files) {
  const [image] = files;
  if (!image) return;
  current = { name: image.name || "pasted.png", content: image };
  translate();
  if (files.length > 1) complain(`One image at a time: ${image.name} was taken, the other ${files.length - 1} were not.`);
}

file.addEventListener("change", () => { take([...file.files]); file.value = ""; });
direction.addEventListener("change", translate);
slider.addEventListener("input", () => { compare.classList.remove("animated"); slide(Number(slider.value)); });
element("cancel").addEventListener("click", () => running?.abort());

addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) take([...event.clipboardData.files]);
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  if (event.dataTransfer.files.length) take([...event.dataTransfer.files]);
  else complain("That was no file: save the image first, then drop it here.");
});
