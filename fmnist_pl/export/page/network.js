// A trained network: its weights unpacked, its steps computed. A value is {shape, data}: channels, rows, columns.

const WEIGHTS = ["kernel", "bias", "factor", "offset"];

// RFC 1924, with three other characters for <, > and &, which mean something in HTML
const BASE_85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%/()*+-;,=.?@^_`{|}~";

/** Steps with their weights as float32 arrays, from the program (JSON) and the packed weights (base 85) of this file. */
async function unpacked(programText, weightsText) {
  const program = JSON.parse(programText);
  const stream = new Blob([ofBase85(weightsText)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let start = 0;
  const tensors = program.tensors.map(({shape, type}) => {
    const count = shape.reduce((product, side) => product * side, 1);
    const width = type === "float16" ? 2 : 4;
    const planes = bytes.subarray(start, (start += count * width));
    const values = type === "float16" ? ofHalves(planes, count) : ofFloats(planes, count);
    return {shape, data: values};
  });
  return program.steps.map((step) => {
    const options = {...step.options};
    for (const name of WEIGHTS) if (Number.isInteger(options[name])) options[name] = tensors[options[name]];
    return {...step, options};
  });
}

/** Four bytes from each five digits; a last group of n digits holds n - 1 bytes. */
function ofBase85(text) {
  const digits = new Uint8Array(128);
  [...BASE_85].forEach((letter, digit) => (digits[letter.charCodeAt(0)] = digit));
  const missing = (5 - (text.length % 5)) % 5;
  const padded = text + "~".repeat(missing);
  const bytes = new DataView(new ArrayBuffer((padded.length / 5) * 4));
  for (let group = 0; group < padded.length / 5; group++) {
    let value = 0;
    for (let k = 0; k < 5; k++) value = value * 85 + digits[padded.charCodeAt(group * 5 + k)];
    bytes.setUint32(group * 4, value);
  }
  return bytes.buffer.slice(0, bytes.byteLength - missing);
}

/** The bytes of float32 values lie in four planes: all lowest bytes first, all highest bytes last. */
function ofFloats(planes, count) {
  const bytes = new DataView(new ArrayBuffer(4));
  return Float32Array.from({length: count}, (_, k) => {
    for (let plane = 0; plane < 4; plane++) bytes.setUint8(3 - plane, planes[plane * count + k]);
    return bytes.getFloat32(0);
  });
}

/** As `ofFloats`, of values in half precision: a sign, five bits of exponent, ten of fraction. */
function ofHalves(planes, count) {
  return Float32Array.from({length: count}, (_, k) => {
    const bits = planes[k] + 256 * planes[count + k];
    const exponent = (bits >> 10) & 31;
    const fraction = (bits & 1023) / 1024;
    const size = exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15);
    return bits >> 15 ? -size : size;
  });
}

/** Probabilities of the classes for an image of 784 values from 0 to 255. */
function probabilitiesOf(steps, pixels) {
  const {pixelMean, pixelStd, imageSize} = SETTINGS;
  const data = Float32Array.from(pixels, (value) => (Math.fround(value / 255) - pixelMean) / pixelStd);
  const values = [{shape: [1, imageSize, imageSize], data}];
  for (const {op, inputs, shape, options} of steps) {
    const taken = inputs.map((number) => values[number]);
    values.push({shape, data: RUN[op](...taken, {...options, shape})});
  }
  return softmax(values.at(-1).data);
}

function softmax(logits) {
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/** The padding is that of top and left; bottom and right have what the shape of the result needs. */
function convolution(input, {kernel, bias, stride, padding, dilation, groups, shape}) {
  const [channels, height, width] = shape;
  const [, perGroup, rows, columns] = kernel.shape;
  const reach = [0, 1].map((axis) => (shape[1 + axis] - 1) * stride[axis] + dilation[axis] * (kernel.shape[2 + axis] - 1) + 1);
  const padded = paddedOnto(input, padding, reach);
  const result = new Float32Array(channels * height * width);
  const patch = new Float32Array(perGroup * rows * columns);
  for (let group = 0; group < groups; group++) {
    const [begin, end] = [(group * channels) / groups, ((group + 1) * channels) / groups];
    for (let place = 0; place < height * width; place++) {
      const [top, left] = [Math.floor(place / width) * stride[0], (place % width) * stride[1]];
      let k = 0;
      for (let plane = group * perGroup; plane < (group + 1) * perGroup; plane++) {
        for (let row = 0; row < rows; row++) {
          const from = (plane * reach[0] + top + row * dilation[0]) * reach[1] + left;
          for (let column = 0; column < columns; column++) patch[k++] = padded[from + column * dilation[1]];
        }
      }
      convolveAt(place, patch, kernel.data, result, begin, end);
    }
  }
  return bias ? scaled(result, height * width, null, bias.data) : result;
}

/** One place of the channels from `begin` to `end`: four at a time, which is three times as fast; the last may repeat. */
function convolveAt(place, patch, kernels, result, begin, end) {
  const length = patch.length;
  const places = result.length / (kernels.length / length);
  for (let a = begin; a < end; a += 4) {
    const [b, c, d] = [Math.min(a + 1, end - 1), Math.min(a + 2, end - 1), Math.min(a + 3, end - 1)];
    let [sumA, sumB, sumC, sumD] = [0, 0, 0, 0];
    for (let k = 0; k < length; k++) {
      const value = patch[k];
      sumA += value * kernels[a * length + k];
      sumB += value * kernels[b * length + k];
      sumC += value * kernels[c * length + k];
      sumD += value * kernels[d * length + k];
    }
    result[a * places + place] = sumA;
    result[b * places + place] = sumB;
    result[c * places + place] = sumC;
    result[d * places + place] = sumD;
  }
}

/** The planes of an input, each placed below and right of its padding on zeros of `reach` (rows, columns). */
function paddedOnto(input, [top, left], [rows, columns]) {
  const [channels, height, width] = input.shape;
  const result = new Float32Array(channels * rows * columns);
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < Math.min(height, rows - top); y++) {
      const from = (channel * height + y) * width;
      const line = input.data.subarray(from, from + Math.min(width, columns - left));
      result.set(line, (channel * rows + top + y) * columns + left);
    }
  }
  return result;
}

function linear(input, {kernel, bias}) {
  const [outputs, inputs] = kernel.shape;
  return Float32Array.from({length: outputs}, (_, output) => {
    let sum = bias ? bias.data[output] : 0;
    for (let k = 0; k < inputs; k++) sum += kernel.data[output * inputs + k] * input.data[k];
    return sum;
  });
}

function scale(input, {factor, offset}) {
  return scaled(input.data, input.data.length / input.shape[0], factor.data, offset.data);
}

/** Channels of `length` values, each times its factor (null: 1) plus its offset. */
function scaled(values, length, factors, offsets) {
  return values.map((value, k) => {
    const channel = Math.floor(k / length);
    return value * (factors ? factors[channel] : 1) + offsets[channel];
  });
}

/** Pool each plane: `window(axis, place)` is [first, end, step] of the places that a place of the result comes from. */
function pooled(input, places, isMean, window) {
  const [channels, height, width] = input.shape;
  const result = [];
  for (let channel = 0; channel < channels; channel++) {
    const plane = input.data.subarray(channel * height * width, (channel + 1) * height * width);
    for (let row = 0; row < places[0]; row++) {
      const [top, bottom, down] = window(0, row);
      for (let column = 0; column < places[1]; column++) {
        const [left, right, across] = window(1, column);
        let [sum, most, count] = [0, -Infinity, 0];
        for (let y = top; y < bottom; y += down) {
          for (let x = left; x < right; x += across) {
            sum += plane[y * width + x];
            most = Math.max(most, plane[y * width + x]);
            count++;
          }
        }
        result.push(isMean ? sum / count : most);
      }
    }
  }
  return Float32Array.from(result);
}

function strided(input, isMean, {size, stride, padding = [0, 0], dilation = [1, 1], shape}) {
  return pooled(input, shape.slice(1), isMean, (axis, place) => {
    let first = place * stride[axis] - padding[axis];
    const end = Math.min(first + dilation[axis] * (size[axis] - 1) + 1, input.shape[1 + axis]);
    while (first < 0) first += dilation[axis];
    return [first, end, dilation[axis]];
  });
}

function adaptive(input, isMean, {places}) {
  return pooled(input, places, isMean, (axis, place) => {
    const length = input.shape[1 + axis];
    return [Math.floor((place * length) / places[axis]), Math.ceil(((place + 1) * length) / places[axis]), 1];
  });
}

/** Values with their axes in another order: axis `dims[k]` of the input becomes axis k. */
function permuted(input, {dims}) {
  const strides = input.shape.map((_, axis) => input.shape.slice(axis + 1).reduce((product, side) => product * side, 1));
  const shape = dims.map((axis) => input.shape[axis]);
  return input.data.map((_, k) => {
    let from = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += (k % shape[axis]) * strides[dims[axis]];
      k = Math.floor(k / shape[axis]);
    }
    return input.data[from];
  });
}

/** Each row from right to left. */
function withRowsReversed({shape, data}) {
  const width = shape.at(-1);
  return data.map((_, k) => data[k - (k % width) + width - 1 - (k % width)]);
}

/** The integral of the Gaussian, by a series whose terms are all positive (Abramowitz & Stegun 7.1.6). */
function erf(x) {
  if (Math.abs(x) > 5) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let k = 1; Math.abs(term) > 1e-9 * Math.abs(sum); k++) sum += term *= (2 * x * x) / (2 * k + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const clamped = (x, low, high) => Math.min(Math.max(x, low), high);
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x, beta = 1, threshold = 20) => (x * beta > threshold ? x : Math.log1p(Math.exp(x * beta)) / beta);
const gelu = (x) => 0.5 * x * (1 + erf(x / Math.SQRT2));
const geluByTanh = (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
const elu = (x, alpha, factor, inner) => factor * (x > 0 ? x : alpha * Math.expm1(x * inner));
const [SELU_ALPHA, SELU_SCALE] = [1.6732632423543772, 1.0507009873554805]; // Klambauer et al. 2017

const elementwise = (f) => (input, options) => input.data.map((x) => f(x, options));

/** A function of two values; the second may be a number, or have one value for each channel of the first. */
const ofTwo = (f) => (first, ...rest) => {
  const [second, {number}] = rest.length === 2 ? rest : [null, rest[0]];
  const repeats = second ? first.data.length / second.data.length : 1;
  return first.data.map((x, k) => f(x, second ? second.data[Math.floor(k / repeats)] : number));
};

const RUN = {
  convolution,
  linear,
  scale,
  max_pool: (input, options) => strided(input, false, options),
  avg_pool: (input, options) => strided(input, true, options),
  adaptive_max_pool: (input, options) => adaptive(input, false, options),
  adaptive_avg_pool: (input, options) => adaptive(input, true, options),
  permute: permuted,
  reshape: (input) => input.data,
  mirror: withRowsReversed,
  add: ofTwo((x, y) => x + y),
  subtract: ofTwo((x, y) => x - y),
  multiply: ofTwo((x, y) => x * y),
  divide: ofTwo((x, y) => x / y),
  abs: elementwise(Math.abs),
  relu: elementwise((x) => Math.max(x, 0)),
  gelu: elementwise((x, {approximate}) => (approximate === "tanh" ? geluByTanh(x) : gelu(x))),
  elu: elementwise((x, {alpha, scale: factor, input_scale: inner}) => elu(x, alpha, factor, inner)),
  selu: elementwise((x) => elu(x, SELU_ALPHA, SELU_SCALE, 1)),
  silu: elementwise((x) => x * sigmoid(x)),
  leaky_relu: elementwise((x, options) => (x > 0 ? x : x * options.negative_slope)),
  tanh: elementwise((x) => Math.tanh(x)),
  sigmoid: elementwise((x) => sigmoid(x)),
  hardsigmoid: elementwise((x) => clamped(x + 3, 0, 6) / 6),
  hardswish: elementwise((x) => (x * clamped(x + 3, 0, 6)) / 6),
  hardtanh: elementwise((x, options) => clamped(x, options.min_val, options.max_val)),
  relu6: elementwise((x) => clamped(x, 0, 6)),
  mish: elementwise((x) => x * Math.tanh(softplus(x))),
  softplus: elementwise((x, {beta, threshold}) => softplus(x, beta, threshold)),
};
