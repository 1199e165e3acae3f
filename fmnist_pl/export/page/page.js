// The page: photos and a drawing go in, one card with the result of each comes out.

const LONGEST_THUMBNAIL = 280; // pixels
const LONGEST_HEADER = 2 ** 18; // bytes of a file in which its orientation is looked for

const element = (id) => document.getElementById(id);

async function start() {
  const steps = await unpacked(element("program").textContent, element("weights").textContent);
  element("status").textContent = "Choose a photo or draw.";
  const classify = (pixels) => ({pixels, probabilities: probabilitiesOf(steps, pixels)});
  watchPhotos(classify);
  watchPaper(classify);
}

// Photos ------------------------------------------------------------------------------------------------------------

function watchPhotos(classify) {
  let queue = Promise.resolve();
  const add = (files) => {
    const cards = [...files].map((file) => [file, newCard()]);
    element("results").prepend(...cards.map(([, card]) => card));
    queue = queue.then(() => classifyAll(cards, classify));
  };
  element("files").addEventListener("change", (event) => {
    add(event.target.files);
    event.target.value = ""; // so that the same photo can be chosen again
  });
  document.addEventListener("paste", (event) => add(event.clipboardData.files));
  const drop = element("drop");
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault(); // otherwise the browser opens a dropped file itself
      drop.classList.toggle("over", name.startsWith("drage") || name === "dragover");
      if (name === "drop") add(event.dataTransfer.files);
    });
  }
}

async function classifyAll(cards, classify) {
  for (const [number, [file, card]] of cards.entries()) {
    element("status").textContent = `Photo ${number + 1} of ${cards.length} …`;
    await new Promise((resolve) => setTimeout(resolve)); // lets the browser draw the previous result
    try {
      const {photo, orientation, thumbnail} = await decoded(file);
      show(card, classify(prepared(photo, orientation)), thumbnail, file.name);
    } catch (error) {
      showRefusal(card, file.name, error);
    }
  }
  element("status").textContent = cards.length === 1 ? "Done." : `Done: ${cards.length} photos.`;
}

/** The pixels of a file, upright and without colour management, its orientation before, and a small canvas of it. */
async function decoded(file) {
  const {maxBytes, maxPixels} = SETTINGS;
  if (file.size === 0) throw new Refusal("it is empty (0 bytes)");
  if (file.size > maxBytes) throw new Refusal(`it is larger than ${maxBytes / 2 ** 20} MB: export it smaller`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, {colorSpaceConversion: "none", premultiplyAlpha: "none"});
  } catch {
    throw new Refusal("this browser cannot read it as an image: export it as PNG or JPEG");
  }
  const {width, height} = bitmap;
  if (width * height > maxPixels) {
    bitmap.close();
    const limit = maxPixels.toLocaleString("en");
    throw new Refusal(`it has ${width} x ${height} pixels; the limit is ${limit}: export it smaller`);
  }
  const orientation = orientationOf(new DataView(await file.slice(0, LONGEST_HEADER).arrayBuffer()));
  const result = {photo: pixelsOf(bitmap), orientation, thumbnail: thumbnailOf(bitmap, width, height)};
  bitmap.close();
  return result;
}

/** EXIF orientation of a JPEG, 1 to 8; 1 if none is found. */
function orientationOf(file) {
  try {
    for (let at = 2; file.getUint16(0) === 0xffd8 && file.getUint8(at) === 0xff; at += 2 + file.getUint16(at + 2)) {
      const isExif = file.getUint16(at) === 0xffe1 && file.getUint32(at + 4) === 0x45786966; // "Exif"
      if (isExif) return orientationInTags(new DataView(file.buffer, at + 10));
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the header is broken, and the browser took no notice of it
  }
  return 1;
}

function orientationInTags(tags) {
  const isLittle = tags.getUint16(0) === 0x4949;
  const first = tags.getUint32(4, isLittle);
  for (let entry = 0; entry < tags.getUint16(first, isLittle); entry++) {
    const at = first + 2 + 12 * entry;
    if (tags.getUint16(at, isLittle) === 0x0112) return tags.getUint16(at + 8, isLittle);
  }
  return 1;
}

class Refusal extends Error {}

/** RGBA of a bitmap, read in strips: phones limit the size of a canvas. */
function pixelsOf(bitmap) {
  const {width, height} = bitmap;
  const rows = Math.min(height, Math.max(1, Math.floor(2 ** 22 / width)));
  const context = contextOf(Object.assign(document.createElement("canvas"), {width, height: rows}));
  const photo = {width, height, channels: 4, data: new Uint8ClampedArray(width * height * 4)};
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, top, width, count, 0, 0, width, count);
    photo.data.set(context.getImageData(0, 0, width, count).data, top * width * 4);
  }
  return photo;
}

function contextOf(canvas) {
  const context = canvas.getContext("2d", {willReadFrequently: true}); // in memory, not on the GPU: exact pixels
  context.imageSmoothingEnabled = false;
  return context;
}

function thumbnailOf(source, width, height) {
  const factor = Math.min(1, LONGEST_THUMBNAIL / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * factor));
  canvas.height = Math.max(1, Math.round(height * factor));
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

// Drawing -----------------------------------------------------------------------------------------------------------

function watchPaper(classify) {
  const paper = element("paper");
  const context = contextOf(paper);
  let card = null;
  const clear = () => {
    context.fillStyle = "white";
    context.fillRect(0, 0, paper.width, paper.height);
    card?.remove();
    card = null;
  };
  const draw = (event) => {
    const {left, top, width} = paper.getBoundingClientRect();
    const factor = paper.width / width;
    context.lineTo((event.clientX - left) * factor, (event.clientY - top) * factor);
    context.stroke();
  };
  paper.addEventListener("pointerdown", (event) => {
    paper.setPointerCapture(event.pointerId);
    Object.assign(context, {lineWidth: element("brush").value, lineCap: "round", lineJoin: "round"});
    context.beginPath();
    draw(event);
  });
  paper.addEventListener("pointermove", (event) => {
    if (paper.hasPointerCapture(event.pointerId)) draw(event);
  });
  paper.addEventListener("pointerup", () => {
    const {width, height, data} = context.getImageData(0, 0, paper.width, paper.height);
    card ??= newCard();
    element("results").prepend(card);
    show(card, classify(prepared({width, height, channels: 4, data})), thumbnailOf(paper, width, height), "");
  });
  element("clear").addEventListener("click", clear);
  clear();
}

// Cards -------------------------------------------------------------------------------------------------------------

function newCard() {
  const card = element("card").content.firstElementChild.cloneNode(true);
  card.querySelector("h3").textContent = "…";
  return card;
}

function show(card, {pixels, probabilities}, thumbnail, name) {
  const best = probabilities.indexOf(Math.max(...probabilities));
  const reason = doubt(pixels, probabilities[best]);
  const answer = `${SETTINGS.classes[best]}, ${Math.round(probabilities[best] * 100)}%`;
  card.dataset.class = SETTINGS.classes[best];
  card.querySelector("h3").textContent = reason ? "Unsure" : answer;
  card.querySelector(".reason").textContent = reason && `${reason}; the most probable class is ${answer}`;
  card.querySelector(".source").textContent = name;
  card.querySelector("figcaption").textContent = name ? "Photo" : "Drawing";
  copy(thumbnail, card.querySelector(".photo"));
  paint(pixels, card.querySelector(".image"));
  card.querySelector("tbody").replaceChildren(...probabilities.map((value, k) => row(SETTINGS.classes[k], value, k === best)));
}

/** Why a result may be wrong, as in fmnist_pl/photos/verdict.py; empty if there is no reason for doubt. */
function doubt(pixels, probability) {
  const mean = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
  if (mean < SETTINGS.blankBelow) return "Nothing stands out from the background";
  return probability < SETTINGS.unsureBelow ? `No class reaches ${Math.round(SETTINGS.unsureBelow * 100)}%` : "";
}

function showRefusal(card, name, error) {
  const reason = error instanceof Refusal ? error.message : `it cannot be classified (${error.message})`;
  const heading = Object.assign(document.createElement("h3"), {textContent: "This file cannot be used"});
  const text = Object.assign(document.createElement("p"), {className: "reason", textContent: `${name}: ${reason}.`});
  card.replaceChildren(heading, text);
}

function row(name, probability, isFirst) {
  const line = document.createElement("tr");
  line.className = isFirst ? "first" : "";
  const bar = Object.assign(document.createElement("progress"), {max: 1, value: probability});
  bar.setAttribute("aria-label", name);
  const cells = [document.createElement("th"), document.createElement("td"), document.createElement("td")];
  cells[0].scope = "row";
  cells[0].textContent = name;
  cells[1].append(bar);
  cells[2].textContent = `${(probability * 100).toFixed(1)}%`;
  line.append(...cells);
  return line;
}

function copy(source, canvas) {
  canvas.width = source.width;
  canvas.height = source.height;
  canvas.getContext("2d").drawImage(source, 0, 0);
}

function paint(pixels, canvas) {
  const image = new ImageData(SETTINGS.imageSize, SETTINGS.imageSize);
  pixels.forEach((value, k) => image.data.set([value, value, value, 255], 4 * k));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

start().catch((error) => {
  element("status").textContent = `This browser cannot run the network (${error.message}): use a newer one.`;
});
