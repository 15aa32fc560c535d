// Draws the last seconds of what is heard: an envelope that runs from right to left, with a tick for each key pressed.

const SPAN = 12; // seconds across the picture
const EVERY = 0.04; // seconds a bar stands for
const FLOOR = -48; // decibels: below this a bar is only a dot

export class Scope {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.bars = new Float32Array(Math.round(SPAN / EVERY));
    this.marks = [];
    this.count = 0;
    this.shape = new ResizeObserver(() => this.draw());
    this.shape.observe(canvas);
  }

  /** Runs until stop; `level` is asked for the RMS, `told` gets it in decibels. */
  start(level, told) {
    this.bars.fill(0);
    this.marks = [];
    this.count = 0;
    const began = performance.now();
    const turn = () => {
      this.frame = requestAnimationFrame(turn);
      const due = Math.floor((performance.now() - began) / 1000 / EVERY);
      if (due <= this.count) return;
      const rms = level();
      this.count = Math.max(this.count, due - this.bars.length); // a page that slept does not catch up bar by bar
      while (this.count < due) this.push(rms);
      told(decibels(rms));
      this.draw();
    };
    this.frame = requestAnimationFrame(turn);
  }

  stop() {
    cancelAnimationFrame(this.frame);
  }

  /** A key was pressed now. */
  mark(label) {
    this.marks.push({ at: this.count, label });
  }

  push(rms) {
    this.bars[this.count % this.bars.length] = rms;
    this.count += 1;
    this.marks = this.marks.filter(({ at }) => this.count - at < this.bars.length);
  }

  draw() {
    const sharpness = devicePixelRatio;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.canvas.width = width * sharpness;
    this.canvas.height = height * sharpness;
    this.pen.scale(sharpness, sharpness);
    const colours = getComputedStyle(this.canvas);
    this.pen.fillStyle = colours.getPropertyValue("--wave");
    const pitch = width / this.bars.length;
    for (let age = 0; age < this.bars.length; age += 1) this.bar(width - (age + 1) * pitch, pitch, height, age);
    this.pen.fillStyle = colours.getPropertyValue("--wave-mark");
    this.pen.font = `600 12px ${colours.fontFamily}`;
    for (const { at, label } of this.marks) this.flag(width - (this.count - at) * pitch, height, label);
  }

  bar(left, pitch, height, age) {
    const index = this.count - 1 - age;
    const rms = index < 0 ? 0 : this.bars[index % this.bars.length];
    const share = Math.max(0, 1 - decibels(rms) / FLOOR);
    const tall = Math.max(2, share * (height - 32));
    const thick = Math.max(1, pitch * 0.55);
    this.pen.beginPath();
    this.pen.roundRect(left, (height - tall) / 2, thick, tall, thick / 2);
    this.pen.fill();
  }

  flag(left, height, label) {
    this.pen.fillRect(left, 20, 1, height - 28);
    this.pen.textAlign = "center";
    this.pen.fillText(label, Math.max(6, left), 14);
  }
}

export function decibels(rms) {
  return rms > 0 ? 20 * Math.log10(rms) : -Infinity;
}
