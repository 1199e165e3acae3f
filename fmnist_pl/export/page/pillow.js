// Resizing and sharpening with the results of Pillow, to the bit: 8-bit values, whole-number weights, one pass per axis.
// An image is {width, height, channels, data}: its values row by row, the channels of a pixel beside each other.

const WEIGHT_ONE = 2 ** 22; // weights are whole numbers, in units of 2^-22

const KERNELS = {
  box: {reach: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)},
  // cubic convolution with a = -1/2 (Keys 1981)
  bicubic: {
    reach: 2,
    weight: (x) => {
      x = Math.abs(x);
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
      return x < 2 ? -0.5 * (((x - 5) * x + 8) * x - 4) : 0;
    },
  },
};

function clipped(value) {
  return Math.min(Math.max(value, 0), 255);
}

/** To the nearest whole number, halves to the even one, as in Python and NumPy. */
function roundedToEven(value) {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest === 0.5) return below % 2 === 0 ? below : below + 1;
  return rest < 0.5 ? below : below + 1;
}

/** For each place of the result: the first place of the source (`length` places from `start` to `end`) and the weights. */
function weightsOf(length, start, end, count, kernel) {
  const scale = (end - start) / count;
  const stretch = Math.max(scale, 1);
  const reach = kernel.reach * stretch;
  return Array.from({length: count}, (_, place) => {
    const centre = start + (place + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const last = Math.min(Math.trunc(centre + reach + 0.5), length);
    const weights = [];
    for (let at = first; at < last; at++) weights.push(kernel.weight((at - centre + 0.5) * (1 / stretch)));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return {first, weights: weights.map((weight) => wholeWeight(total === 0 ? weight : weight / total))};
  });
}

function wholeWeight(weight) {
  return Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * WEIGHT_ONE);
}

/** Resize to (width, height) with a kernel; `right` and `bottom`: where the content ends, possibly within a pixel. */
function resized(image, width, height, kernel, right = image.width, bottom = image.height) {
  if (width !== image.width || right !== image.width) {
    image = resizedAcross(image, weightsOf(image.width, 0, right, width, kernel));
  }
  if (height !== image.height || bottom !== image.height) {
    image = resizedDown(image, weightsOf(image.height, 0, bottom, height, kernel));
  }
  return image;
}

function resizedAcross(image, places) {
  const {height, channels, data} = image;
  const result = {width: places.length, height, channels, data: new Uint8Array(places.length * height * channels)};
  let to = 0;
  for (let row = 0; row < height; row++) {
    for (const {first, weights} of places) {
      const start = (row * image.width + first) * channels;
      for (let channel = 0; channel < channels; channel++) {
        let sum = WEIGHT_ONE / 2;
        for (let k = 0; k < weights.length; k++) sum += data[start + k * channels + channel] * weights[k];
        result.data[to++] = clipped(Math.floor(sum / WEIGHT_ONE));
      }
    }
  }
  return result;
}

function resizedDown(image, places) {
  const {channels, data} = image;
  const stride = image.width * channels;
  const result = {width: image.width, height: places.length, channels, data: new Uint8Array(places.length * stride)};
  let to = 0;
  for (const {first, weights} of places) {
    for (let column = 0; column < stride; column++) {
      let sum = WEIGHT_ONE / 2;
      for (let k = 0; k < weights.length; k++) sum += data[(first + k) * stride + column] * weights[k];
      result.data[to++] = clipped(Math.floor(sum / WEIGHT_ONE));
    }
  }
  return result;
}

/** Means of blocks of `across` x `down` pixels; blocks at the right and lower edge may hold fewer. */
function reduced(image, across, down) {
  const {channels, data} = image;
  const width = Math.ceil(image.width / across);
  const height = Math.ceil(image.height / down);
  const result = {width, height, channels, data: new Uint8Array(width * height * channels)};
  let to = 0;
  for (let row = 0; row < height; row++) {
    const bottom = Math.min((row + 1) * down, image.height);
    for (let column = 0; column < width; column++) {
      const right = Math.min((column + 1) * across, image.width);
      const count = (bottom - row * down) * (right - column * across);
      const multiplier = Math.trunc(Math.fround(2 ** 32 / (256 * count)));
      for (let channel = 0; channel < channels; channel++) {
        let sum = Math.trunc(count / 2);
        for (let y = row * down; y < bottom; y++) {
          for (let x = column * across; x < right; x++) sum += data[(y * image.width + x) * channels + channel];
        }
        result.data[to++] = Math.floor((sum * multiplier) / 2 ** 24);
      }
    }
  }
  return result;
}

/** An image of one channel, sharpened by half of its difference from a Gaussian blur of radius 1. */
function sharpened(image) {
  let blurred = image;
  for (let pass = 0; pass < 3; pass++) blurred = blurredAcross(blurred);
  blurred = transposed(blurred);
  for (let pass = 0; pass < 3; pass++) blurred = blurredAcross(blurred);
  blurred = transposed(blurred);
  const data = image.data.map((value, k) => clipped(value + Math.trunc(((value - blurred.data[k]) * 50) / 100)));
  return {...image, data};
}

/** One of three box blurs that make the Gaussian: each pixel with a quarter of both neighbours, edges repeated. */
function blurredAcross(image) {
  const centre = Math.trunc(Math.fround(2 ** 24 / 1.5));
  const side = Math.trunc((2 ** 24 - centre) / 2);
  const data = image.data.map((value, k) => {
    const column = k % image.width;
    const left = image.data[column === 0 ? k : k - 1];
    const right = image.data[column === image.width - 1 ? k : k + 1];
    return Math.floor((value * centre + (left + right) * side + 2 ** 23) / 2 ** 24);
  });
  return {...image, data};
}

/** An image with its pixels taken from other places: `from(row, column)` is the place of the pixel of the result. */
function rearranged(image, width, height, from) {
  const {channels} = image;
  const data = new Uint8Array(image.data.length);
  let to = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const start = from(row, column) * channels;
      for (let channel = 0; channel < channels; channel++) data[to++] = image.data[start + channel];
    }
  }
  return {width, height, channels, data};
}

function transposed(image) {
  return rearranged(image, image.height, image.width, (row, column) => column * image.width + row);
}

function mirrored(image, isAcross, isDown) {
  const {width, height} = image;
  if (!isAcross && !isDown) return image;
  return rearranged(image, width, height, (row, column) => {
    return (isDown ? height - 1 - row : row) * width + (isAcross ? width - 1 - column : column);
  });
}
