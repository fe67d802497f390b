/** Where the server is: beside this page, whatever folder the page is served from. */

/** The folder of this page, with a slash at its end. */
function serverBase(): string {
  // Tests of plain logic run without a document.
  return new URL('.', typeof document === 'undefined' ? 'http://localhost/' : document.baseURI).toString();
}

/** Absolute address of a path of the server, for example `serverUrl('api/v1/me')`. */
export function serverUrl(path: string): string {
  return new URL(path, serverBase()).toString();
}

/** Address of the event socket: previews as binary frames, finished pictures as links, live numbers of the queue. */
export function socketUrl(): string {
  const url = new URL('ws/', serverBase());
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.search = '?previews=binary&images=links&queue=live';
  return url.toString();
}
