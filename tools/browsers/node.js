/** What the benchmark's subjects use of Node.js, in a page. */

/** The bytes of a file of this server. */
export function readFileSync(url) {
  const request = new XMLHttpRequest();
  request.open('GET', url, false);
  request.overrideMimeType('text/plain; charset=x-user-defined');
  request.send();
  return Uint8Array.from(request.responseText, (character) => character.charCodeAt(0) & 0xff);
}

/** No page is told exactly what its heap has; garbage is seen by the identity of objects then. */
export function getHeapStatistics() {
  return { used_heap_size: 0 };
}

export default {};
