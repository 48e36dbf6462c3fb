// SPDX-License-Identifier: BSD-3-Clause
// All text from files and users reaches the page as textContent, never as HTML.
"use strict";

const get = (id) => document.getElementById(id);
let about = {};

async function ask(path, body, isFile = false) {
  const headers = { "Content-Type": isFile ? "application/octet-stream" : "application/json" };
  const options = body === undefined ? {} : { method: "POST", headers, body: isFile ? body : JSON.stringify(body) };
  for (;;) {
    let response;
    try {
      response = await fetch(path, options);
    } catch {
      throw new Error("the server does not answer; is skdecaf demo still running?");
    }
    if (response.status === 429) {
      const seconds = Number(response.headers.get("Retry-After")) || 1;
      await new Promise((resume) => setTimeout(resume, 1000 * seconds));
      continue;
    }
    const answer = await response.json().catch(() => ({ error: `the server failed (${response.status})` }));
    if (!response.ok) throw Object.assign(new Error(answer.error), { status: response.status });
    return answer;
  }
}

async function upload(file) {
  if (file.size > about.megabytes * 2 ** 20) throw new Error(`the file has more than ${about.megabytes} MB`);
  return ask("/api/photos", file, true);
}

function say(id, text, isError = false) {
  get(id).textContent = text;
  get(id).classList.toggle("error", isError);
}

const percent = (share) => `${Math.round(1000 * share) / 10} %`;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function fillClasses(table, classes) {
  const rows = classes.map(({ name, probability }) => {
    const bar = element("span", { className: "bar" });
    bar.style.width = `${6 * probability}rem`;
    return element("tr", {}, element("td", { textContent: name }), element("td", {}, bar, percent(probability)));
  });
  table.tBodies[0].replaceChildren(...rows);
}

// Call a function with files that are chosen, or dropped into a place.
function takeFiles(input, place, use) {
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    if (files.length) use(files);
  });
  place.addEventListener("dragover", (event) => {
    event.preventDefault();
    place.classList.add("over");
  });
  place.addEventListener("dragleave", () => place.classList.remove("over"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    place.classList.remove("over");
    if (event.dataTransfer.files.length) use([...event.dataTransfer.files]);
  });
}

// Only the latest of several tasks of one kind may write its results.
const latest = {};
function begin(kind) {
  const own = (latest[kind] = {});
  return () => latest[kind] === own;
}

async function run(kind, status, work) {
  const isLatest = begin(kind);
  get(kind).setAttribute("aria-busy", "true");
  try {
    await work(isLatest);
  } catch (error) {
    if (isLatest()) say(status, `Sorry: ${error.message}.`, true);
  }
  if (isLatest()) get(kind).removeAttribute("aria-busy");
}

async function showOcclusion(figure, question, isLatest) {
  figure.hidden = true;
  const { name, probability, picture } = await ask("/api/occlusion", question);
  if (!isLatest()) return;
  figure.querySelector("img").src = picture;
  figure.querySelector("img").alt = `The photo in grey; red parts support ${name}, blue parts speak against it.`;
  figure.querySelector("figcaption").textContent =
    `Why ${name} (${percent(probability)})? Covering red parts lowers its probability; covering blue parts raises it.`;
  figure.hidden = false;
}

// What is in a photo?

function layerItem(layer, slowest) {
  const children = [element("h4", { textContent: layer.name })];
  if (layer.picture) {
    children.push(element("img", { src: layer.picture, alt: `The strongest maps of ${layer.name}` }));
  }
  const meter = element("meter", { value: layer.milliseconds, max: slowest, title: "time" });
  meter.setAttribute("aria-label", `Time of ${layer.name}`);
  const text = `${layer.shape} values, ${percent(layer.active)} above zero, ${layer.milliseconds.toFixed(2)} ms`;
  children.push(element("p", { textContent: text }), meter);
  return element("li", {}, ...children);
}

const explain = (file) => run("explain", "explain-status", async (isLatest) => {
  say("explain-status", `Reading ${file.name}…`);
  const { photo, thumbnail } = await upload(file);
  const { classes, layers } = await ask("/api/explain", { photo });
  if (!isLatest()) return;
  get("explain-photo").src = thumbnail;
  get("explain-photo").alt = `Your photo ${file.name}`;
  get("explain-name").textContent = file.name;
  fillClasses(get("classes"), classes);
  get("classes").hidden = !classes.length;
  const slowest = Math.max(...layers.map((layer) => layer.milliseconds));
  get("layers").replaceChildren(...layers.map((layer) => layerItem(layer, slowest)));
  get("explain-results").hidden = false;
  const total = layers.reduce((sum, layer) => sum + layer.milliseconds, 0).toFixed(1);
  const named = classes.length ? `Most probable: ${classes[0].name}, ${percent(classes[0].probability)}. ` : "";
  say("explain-status", `${named}${layers.length} layers took ${total} ms.`);
  get("occlusion").hidden = true;
  if (classes.length) await showOcclusion(get("occlusion"), { photo }, isLatest);
});

// Find similar photos

const search = (file) => run("search", "search-status", async (isLatest) => {
  say("search-status", `Searching for photos like ${file.name}…`);
  const { photo } = await upload(file);
  const { similar } = await ask("/api/search", { photo });
  if (!isLatest()) return;
  const items = similar.map(({ index, name, distance }) => {
    const image = element("img", { src: `/api/thumbnails/${index}`, alt: "", loading: "lazy" });
    return element("li", {}, image, element("div", { textContent: name }), `distance ${distance.toFixed(3)}`);
  });
  get("similar").replaceChildren(...items);
  say("search-status", `${similar.length} photos like ${file.name}, the most similar first.`);
});

// Train a classifier

const bins = []; // { fieldset, photos: [{ file, photo, thumbnail }] }
let model;

function showCount(bin) {
  const n = bin.photos.length;
  bin.fieldset.querySelector(".count").textContent = n === 1 ? "1 photo" : `${n} photos`;
}

function nameBins() {
  bins.forEach((bin, i) => {
    bin.fieldset.querySelector("legend").textContent = `Class ${i + 1}`;
    bin.fieldset.querySelector(".remove-class").hidden = bins.length <= 2;
  });
  get("add-class").hidden = bins.length >= about.most_classes;
}

function addBin() {
  const fieldset = get("bin").content.firstElementChild.cloneNode(true);
  const bin = { fieldset, photos: [] };
  fieldset.querySelector(".name").maxLength = about.longest_name;
  takeFiles(fieldset.querySelector(".files"), fieldset, (files) => addPhotos(bin, files));
  fieldset.querySelector(".remove-class").addEventListener("click", () => {
    bins.splice(bins.indexOf(bin), 1);
    fieldset.remove();
    nameBins();
    get("add-class").focus();
  });
  bins.push(bin);
  get("bins").append(fieldset);
  nameBins();
  showCount(bin);
  return bin;
}

function addThumbnail(bin, entry) {
  const remove = element("button", { type: "button", textContent: "×" });
  remove.setAttribute("aria-label", `Remove ${entry.file.name}`);
  const item = element("li", {}, element("img", { src: entry.thumbnail, alt: entry.file.name }), remove);
  remove.addEventListener("click", () => {
    bin.photos.splice(bin.photos.indexOf(entry), 1);
    item.remove();
    showCount(bin);
    bin.fieldset.querySelector(".files").focus();
  });
  bin.fieldset.querySelector(".photos").append(item);
}

async function addPhotos(bin, files) {
  const failures = [];
  let done = 0;
  for (const file of files) {
    say("train-status", `Reading photo ${++done} of ${files.length}…`);
    try {
      const entry = { file, ...(await upload(file)) };
      bin.photos.push(entry);
      addThumbnail(bin, entry);
      showCount(bin);
    } catch (error) {
      failures.push(`${file.name}: ${error.message}`);
    }
  }
  const bad = failures.length;
  say("train-status", bad ? `Left out ${bad} of ${files.length} files. ${failures.slice(0, 3).join("; ")}.` : `${files.length} added.`, bad > 0);
}

// Photos that the server has forgotten are uploaded again.
async function askForTraining() {
  const classes = () => bins.map(({ fieldset, photos }) => ({
    name: fieldset.querySelector(".name").value,
    photos: photos.map((entry) => entry.photo),
  }));
  try {
    return await ask("/api/train", { classes: classes() });
  } catch (error) {
    if (error.status !== 410) throw error;
    for (const { photos } of bins) for (const entry of photos) Object.assign(entry, await upload(entry.file));
    return ask("/api/train", { classes: classes() });
  }
}

const train = () => run("train", "train-status", async (isLatest) => {
  const unnamed = bins.find(({ fieldset }) => !fieldset.querySelector(".name").value.trim());
  if (unnamed) {
    unnamed.fieldset.querySelector(".name").focus();
    throw new Error("a class has no name");
  }
  get("train-results").hidden = true;
  say("train-status", "Training…");
  const report = await askForTraining();
  if (!isLatest()) return;
  model = report.model;
  const known = report.accuracy !== null;
  const chance = percent(1 / report.classes.length);
  const summary = known
    ? `Accuracy ${percent(report.accuracy)} in cross-validation with ${report.folds} folds; guessing gives ${chance}.`
    : "Accuracy unknown: cross-validation takes two photos of each class.";
  get("report").caption.textContent = `Layer ${report.layer}, C = ${report.C}`;
  const rows = report.classes.map(({ name, photos, accuracy }) => element("tr", {},
    element("td", { textContent: name }), element("td", { textContent: photos }),
    element("td", { textContent: accuracy === null ? "unknown" : percent(accuracy) })));
  get("report").tBodies[0].replaceChildren(...rows);
  get("download").href = `/api/models/${encodeURIComponent(model)}/classifier.skops`;
  get("try-results").hidden = true;
  say("try-status", "");
  get("train-results").hidden = false;
  say("train-status", summary);
});

const tryModel = (file) => run("try-input", "try-status", async (isLatest) => {
  say("try-status", `Reading ${file.name}…`);
  const { photo, thumbnail } = await upload(file);
  const { classes } = await ask("/api/predict", { model, photo });
  if (!isLatest()) return;
  get("try-photo").src = thumbnail;
  get("try-photo").alt = `Your photo ${file.name}`;
  get("try-results").querySelector("figcaption").textContent = file.name;
  fillClasses(get("predicted"), classes);
  get("try-results").hidden = false;
  say("try-status", `${classes[0].name}, ${percent(classes[0].probability)}.`);
  await showOcclusion(get("try-occlusion"), { photo, model }, isLatest);
});

async function start() {
  about = await ask("/api/about");
  get("about").textContent =
    `The network ${about.network} reads ${about.input} pixels. Photos stay on the computer that runs this page. ` +
    `A photo may have up to ${about.megabytes} MB and ${about.megapixels} megapixels.`;
  const hasFolder = about.n_photos !== null;
  get("search-input").hidden = !hasFolder;
  get("search-about").textContent = hasFolder
    ? `The folder has ${about.n_photos} photos.`
    : "Start the demo with a folder to search it: skdecaf demo --folder FOLDER";
  takeFiles(get("explain-file"), get("explain").querySelector(".drop"), (files) => explain(files[0]));
  takeFiles(get("search-file"), get("search-input"), (files) => search(files[0]));
  takeFiles(get("try-file"), get("try-input"), (files) => tryModel(files[0]));
  get("sample").addEventListener("click", async () => {
    const contents = await (await fetch("/api/sample")).blob();
    explain(new File([contents], "sample photo", { type: "image/jpeg" }));
  });
  get("add-class").addEventListener("click", () => addBin().fieldset.querySelector(".name").focus());
  get("start").addEventListener("click", train);
  addBin();
  addBin();
  document.documentElement.dataset.ready = "yes";
}

// A file that misses its place must not replace the page.
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
start().catch((error) => say("explain-status", `Sorry: ${error.message}.`, true));
