// Reads the microphone on the audio thread of the browser: mono, low-passed and resampled to 16 kHz,
// as pieces of a tenth of a second of 16-bit samples.  live.js sends them to the server.

const RATE_HZ = 16_000;
const PIECE = RATE_HZ / 10; // samples
const ZERO_CROSSINGS = 64; // of the filter on either side, in samples of the lower rate
const PASSED = 0.955; // of half the lower rate: 6 dB down there, 90 dB at half the rate
const BETA = 9; // of the Kaiser window: 90 dB

function gcd(a, b) {
  return b ? gcd(b, a % b) : a;
}

// Modified Bessel function of the first kind and order zero, of the Kaiser window.
function bessel(x) {
  let [sum, term] = [1, 1];
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

// Resamples a stream by a ratio of whole numbers, with a filter for each of its phases.
class Resampler {
  constructor(rate) {
    const common = gcd(rate, RATE_HZ);
    this.up = RATE_HZ / common;
    this.down = rate / common;
    const cutoff = (PASSED * Math.min(1, RATE_HZ / rate)) / 2; // in cycles a sample
    this.half = Math.ceil(ZERO_CROSSINGS * Math.max(1, rate / RATE_HZ));
    const taps = 2 * this.half;
    this.filters = Array.from({ length: this.up }, (_, phase) => {
      const filter = new Float32Array(taps);
      let sum = 0;
      for (let i = 0; i < taps; i++) {
        const x = i - this.half + 1 - phase / this.up;
        const inside = 1 - (x / this.half) ** 2;
        const window = inside > 0 ? bessel(BETA * Math.sqrt(inside)) : 0;
        const angle = 2 * Math.PI * cutoff * x;
        filter[i] = window * (angle ? Math.sin(angle) / angle : 1);
        sum += filter[i];
      }
      return filter.map((tap) => tap / sum);
    });
    this.held = new Float32Array(this.half - 1); // silence before the first sample
    this.place = 0; // of the next output in `held`, in samples times `up`
  }

  // Returns the samples that can be computed so far; the last ones wait for their followers.
  push(block) {
    const input = new Float32Array(this.held.length + block.length);
    input.set(this.held);
    input.set(block, this.held.length);
    const output = [];
    const taps = 2 * this.half;
    for (;;) {
      const first = Math.floor(this.place / this.up);
      if (first + taps > input.length) break;
      const filter = this.filters[this.place % this.up];
      let sum = 0;
      for (let i = 0; i < taps; i++) sum += filter[i] * input[first + i];
      output.push(sum);
      this.place += this.down;
    }
    const used = Math.min(Math.floor(this.place / this.up), input.length);
    this.held = input.slice(used);
    this.place -= used * this.up;
    return output;
  }
}

class LiveProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = sampleRate === RATE_HZ ? null : new Resampler(sampleRate);
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
    this.isOn = true;
    this.port.onmessage = () => {
      this.isOn = false;
    };
  }

  process([[channel]]) {
    if (channel) {
      for (const sample of this.resampler ? this.resampler.push(channel) : channel) {
        this.piece[this.filled++] = Math.round(
          32768 * Math.min(Math.max(sample, -1), 32767 / 32768),
        );
        if (this.filled === PIECE) {
          this.port.postMessage(this.piece, [this.piece.buffer]);
          this.piece = new Int16Array(PIECE);
          this.filled = 0;
        }
      }
    }
    return this.isOn;
  }
}

registerProcessor("emo-live", LiveProcessor);
