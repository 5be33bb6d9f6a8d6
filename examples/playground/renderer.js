/** Draws vertices of the scene as soft points with WebGL 2. */
import { VERTEX_FLOATS } from './scene.js';

const VERTEX_SHADER = `#version 300 es
layout(location = 0) in vec3 place;
layout(location = 1) in vec3 look;
uniform vec2 pixels;
out vec4 tint;
out vec3 streak;

const vec3 CORE = vec3(1.0, 0.88, 0.68);
const vec3 ARM = vec3(0.62, 0.72, 1.0);
const vec3 RIM = vec3(0.55, 0.32, 0.95);

void main() {
  vec2 way = look.xy * pixels * 0.5;
  float length = min(length(way), 12.0);
  float size = clamp(pixels.y * 0.0028 * place.z, 1.4, 18.0);
  gl_Position = vec4(place.xy, 0.0, 1.0);
  gl_PointSize = size + length;
  streak = vec3(length > 0.5 ? normalize(way) : vec2(1.0, 0.0), size / (size + length));
  vec3 colour = look.z < 0.35 ? mix(CORE, ARM, look.z / 0.35) : mix(ARM, RIM, (look.z - 0.35) / 0.65);
  float near = clamp(place.z * 0.7, 0.3, 1.0);
  tint = vec4(colour * (0.55 + 0.45 * near), 0.75 * near);
}`;

const FRAGMENT_SHADER = `#version 300 es
precision mediump float;
in vec4 tint;
in vec3 streak;
out vec4 colour;

void main() {
  vec2 at = (gl_PointCoord - 0.5) * vec2(2.0, -2.0);
  vec2 turned = vec2(dot(at, streak.xy), dot(at, vec2(-streak.y, streak.x)) / streak.z);
  float alpha = tint.a * max(0.0, 1.0 - dot(turned, turned));
  colour = vec4(tint.rgb * alpha, alpha);
}`;

const BACKGROUND = [0.024, 0.027, 0.055, 1];

export class Renderer {
  /**
   * @param {HTMLCanvasElement} canvas
   * @throws {Error} there is no WebGL 2 here
   */
  constructor(canvas) {
    const gl = canvas.getContext('webgl2', { antialias: false, depth: false, alpha: false });
    if (!gl) throw new Error('no WebGL 2');
    this.canvas = canvas;
    this.gl = gl;
    this.prepare();
    /* A context can be lost at any time; without this the browser would not bring it back. */
    canvas.addEventListener('webglcontextlost', (event) => event.preventDefault());
    canvas.addEventListener('webglcontextrestored', () => this.prepare());
  }

  prepare() {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [type, source] of [
      [gl.VERTEX_SHADER, VERTEX_SHADER],
      [gl.FRAGMENT_SHADER, FRAGMENT_SHADER],
    ]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    this.pixels = gl.getUniformLocation(program, 'pixels');

    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    for (const location of [0, 1]) {
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, 3, gl.FLOAT, false, 4 * VERTEX_FLOATS, 12 * location);
    }
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.clearColor(...BACKGROUND);
    this.resize();
  }

  /** Gives the canvas the pixels that it has on the screen. */
  resize() {
    const { canvas, gl, pixels } = this;
    const ratio = Math.min(2, devicePixelRatio);
    const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    gl.viewport(0, 0, width, height);
    gl.uniform2f(pixels, width, height);
  }

  get aspect() {
    return this.canvas.width / this.canvas.height;
  }

  /**
   * @param {Float32Array} vertices may be longer than what is drawn of them
   * @param {Uint32Array} order which is the first, the second, and so on; may be longer, too
   * @param {number} count
   */
  draw(vertices, order, count) {
    const { gl } = this;
    gl.clear(gl.COLOR_BUFFER_BIT);
    /* WebGL copies at the call: what is drawn may lie in an arena that is reset soon. */
    gl.bufferData(gl.ARRAY_BUFFER, vertices, gl.STREAM_DRAW, 0, VERTEX_FLOATS * count);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, order, gl.STREAM_DRAW, 0, count);
    gl.drawElements(gl.POINTS, count, gl.UNSIGNED_INT, 0);
  }
}
