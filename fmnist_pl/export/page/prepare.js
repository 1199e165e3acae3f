// A photo as a 28x28 image: the steps of fmnist_pl/photos/decode.py and prepare.py, in float32 as there.

const round32 = Math.fround;

/** Shrink an upright photo, RGBA, to the longest side on which it is worked; as the file holds it, then upright again. */
function working(photo, orientation) {
  if (Math.max(photo.width, photo.height) <= SETTINGS.workingSide) return photo;
  const isTransposed = orientation >= 5;
  const mirror = (image) => mirrored(image, MIRRORED_ACROSS.includes(orientation), MIRRORED_DOWN.includes(orientation));
  const stored = isTransposed ? transposed(mirror(photo)) : mirror(photo);
  const small = shrunk(stored);
  return mirror(isTransposed ? transposed(small) : small);
}

// EXIF orientations: those from 5 to 8 exchange rows and columns, and then these mirror the photo
const MIRRORED_ACROSS = [2, 3, 6, 7];
const MIRRORED_DOWN = [3, 4, 7, 8];

function shrunk(photo) {
  const [width, height] = workingSize(photo.width, photo.height);
  if (hasTransparency(photo)) return unmultiplied(resized(multiplied(photo), width, height, KERNELS.box));
  const across = Math.trunc(photo.width / width / 2) || 1;
  const down = Math.trunc(photo.height / height / 2) || 1;
  if (across === 1 && down === 1) return resized(photo, width, height, KERNELS.box);
  const small = reduced(photo, across, down);
  return resized(small, width, height, KERNELS.box, photo.width / across, photo.height / down);
}

/** Width and height with the longest side as photos are worked on, nearest in aspect ratio. */
function workingSize(width, height) {
  const side = SETTINGS.workingSide;
  const aspect = width / height;
  const nearest = (length, error) => {
    const [below, above] = [Math.floor(length), Math.ceil(length)];
    return Math.max(error(above) < error(below) ? above : below, 1);
  };
  if (aspect <= 1) return [nearest(side * aspect, (n) => Math.abs(aspect - n / side)), side];
  return [side, nearest(side / aspect, (n) => (n === 0 ? 0 : Math.abs(aspect - side / n)))];
}

function hasTransparency(photo) {
  for (let k = 3; k < photo.data.length; k += 4) if (photo.data[k] < 255) return true;
  return false;
}

/** Colours multiplied by their opacity, rounded as in Pillow. */
function multiplied(photo) {
  const data = photo.data.map((value, k) => {
    if (k % 4 === 3) return value;
    const product = value * photo.data[k - (k % 4) + 3] + 128;
    return ((product >> 8) + product) >> 8;
  });
  return {...photo, data};
}

function unmultiplied(photo) {
  const data = photo.data.map((value, k) => {
    const alpha = photo.data[k - (k % 4) + 3];
    return k % 4 === 3 || alpha === 0 ? value : clipped(Math.trunc((255 * value) / alpha));
  });
  return {...photo, data};
}

/** The network's input, 784 values from 0 to 255, of an upright photo {width, height, channels: 4, data}. */
function prepared(photo, orientation = 1) {
  const small = working(photo, orientation);
  const values = isCutOut(small) ? ofCutOut(small) : withoutBackground(small);
  const object = values && cropped(values, small.width, small.height);
  return object ? centred(resizedToImage(object)) : new Uint8Array(SETTINGS.imageSize ** 2);
}

function isCutOut(photo) {
  for (let k = 3; k < photo.data.length; k += 4) if (photo.data[k] / 255 < 0.5) return true;
  return false;
}

/** Luma of ITU-R BT.601 of a pixel with channels 0 to 1. */
function grey(red, green, blue) {
  return round32(round32(round32(red * LUMA[0]) + round32(green * LUMA[1])) + round32(blue * LUMA[2]));
}

const LUMA = [0.299, 0.587, 0.114].map(round32);

/** Channel values 0 to 1 by those from 0 to 255. */
const FRACTIONS = Float32Array.from({length: 256}, (_, value) => value / 255);

/** Brightness of an object with transparent background: negated, unless the object itself is light. */
function ofCutOut({width, height, data}) {
  const greys = new Float32Array(width * height);
  let [sum, weight] = [0, 0];
  for (let k = 0; k < greys.length; k++) {
    greys[k] = grey(FRACTIONS[data[4 * k]], FRACTIONS[data[4 * k + 1]], FRACTIONS[data[4 * k + 2]]);
    sum += greys[k] * FRACTIONS[data[4 * k + 3]];
    weight += FRACTIONS[data[4 * k + 3]];
  }
  const isLight = weight > 0 && sum / weight > 0.5;
  const near = round32(SETTINGS.near);
  return greys.map((value, k) => {
    const alpha = FRACTIONS[data[4 * k + 3]];
    return alpha > near ? (isLight ? value : round32(1 - value)) * alpha : 0;
  });
}

/** Brightness of an object: its distance from the background's grey over the largest possible; null if there is none. */
function withoutBackground({width, height, data}) {
  const corners = cornersOf(width, height);
  const background = [0, 1, 2].map((channel) => median(corners.map((k) => FRACTIONS[data[4 * k + channel]])));
  const distance = (k) => {
    let most = 0;
    for (let channel = 0; channel < 3; channel++) {
      most = Math.max(most, Math.abs(round32(FRACTIONS[data[4 * k + channel]] - background[channel])));
    }
    return most;
  };
  const limit = round32(Math.max(SETTINGS.near, 2 * quantile(corners.map(distance), 0.9)));
  const values = new Float32Array(width * height);
  const places = [];
  for (let k = 0; k < values.length; k++) {
    if (distance(k) > limit) {
      places.push(k);
      values[k] = grey(FRACTIONS[data[4 * k]], FRACTIONS[data[4 * k + 1]], FRACTIONS[data[4 * k + 2]]);
    }
  }
  if (places.length === 0) return null;
  let ground = grey(...background);
  const isDark = places.reduce((sum, k) => sum + values[k], 0) / places.length < ground;
  if (isDark) ground = 1 - ground;
  const range = round32(Math.max(1 - ground, 1e-6));
  for (const k of places) {
    const value = isDark ? round32(1 - values[k]) : values[k];
    values[k] = Math.max(round32(value - round32(ground)), round32(1e-6)) / range;
  }
  return values;
}

/** Places of the pixels of the four corners. */
function cornersOf(width, height) {
  const side = Math.max(1, roundedToEven(SETTINGS.corner * Math.min(width, height)));
  const ends = (length) => [...Array(side).keys(), ...Array.from({length: side}, (_, k) => Math.max(length - side, 0) + k)];
  return ends(height).flatMap((row) => ends(width).map((column) => row * width + column));
}

function median(values) {
  const sorted = Float32Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : round32(round32(sorted[middle - 1] + sorted[middle]) / 2);
}

/** The quantile between its two nearest values, in float32. */
function quantile(values, fraction) {
  const sorted = Float32Array.from(values).sort();
  const place = round32((sorted.length - 1) * round32(fraction));
  const below = Math.floor(place);
  const rest = round32(place - below);
  const [low, high] = [sorted[below], sorted[Math.min(below + 1, sorted.length - 1)]];
  const step = round32(high - low);
  return rest >= 0.5 ? round32(high - round32(step * round32(1 - rest))) : round32(low + round32(step * rest));
}

/** The rows and columns from the first to the last that hold more than specks of the object, 8-bit; null if none do. */
function cropped(values, width, height) {
  const inRows = new Uint32Array(height);
  const inColumns = new Uint32Array(width);
  for (let k = 0; k < values.length; k++) {
    if (values[k] > 0) {
      inRows[Math.floor(k / width)]++;
      inColumns[k % width]++;
    }
  }
  const [top, bottom] = extent(inRows, width);
  const [left, right] = extent(inColumns, height);
  if (top < 0 || left < 0) return null;
  const crop = {width: right - left + 1, height: bottom - top + 1, channels: 1};
  crop.data = new Uint8Array(crop.width * crop.height);
  for (let k = 0; k < crop.data.length; k++) {
    const value = values[(top + Math.floor(k / crop.width)) * width + left + (k % crop.width)];
    crop.data[k] = roundedToEven(round32(Math.min(Math.max(value, 0), 1) * 255));
  }
  return crop;
}

function extent(counts, length) {
  const holds = (count) => count / length > SETTINGS.speck;
  return [counts.findIndex(holds), counts.findLastIndex(holds)];
}

/** Resize to a longest edge of 28; sharpened if it became smaller, which also softens it. */
function resizedToImage(object) {
  const longest = Math.max(object.width, object.height);
  const [width, height] = [object.width, object.height].map((edge) =>
    Math.max(1, roundedToEven((edge * SETTINGS.imageSize) / longest)),
  );
  const shrinks = longest > SETTINGS.imageSize;
  const image = resized(object, width, height, shrinks ? KERNELS.box : KERNELS.bicubic);
  return shrinks ? sharpened(image) : image;
}

function centred(image) {
  const size = SETTINGS.imageSize;
  const [left, top] = [(size - image.width) >> 1, (size - image.height) >> 1];
  const pixels = new Uint8Array(size * size);
  for (let row = 0; row < image.height; row++) {
    const line = image.data.subarray(row * image.width, (row + 1) * image.width);
    pixels.set(line, (top + row) * size + left);
  }
  return pixels;
}
