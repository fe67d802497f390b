/** The browser's WebSocket as far as the client uses it; the test plays the server. */
export class FakeWebSocket extends EventTarget {
  static made: FakeWebSocket[] = [];
  static get last(): FakeWebSocket {
    return FakeWebSocket.made.at(-1)!;
  }
  readonly OPEN = 1;
  readonly sent: string[] = [];
  readonly url: string;
  readyState = 0;
  binaryType = 'blob';

  constructor(url: string) {
    super();
    this.url = url;
    FakeWebSocket.made.push(this);
  }
  send(data: string): void {
    this.sent.push(data);
  }
  close(): void {
    this.readyState = 3;
  }
  opens(): void {
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
  }
  receives(data: unknown): void {
    this.dispatchEvent(new MessageEvent('message', { data }));
  }
  dropped(code: number): void {
    this.readyState = 3;
    this.dispatchEvent(new CloseEvent('close', { code, wasClean: code !== 1006 }));
  }
}

/** A preview frame as the server sends it. */
export function previewBytes(jobId: string, step: number, total: number, jpeg: number[]): ArrayBuffer {
  const id = jobId.replaceAll('-', '').match(/../g) ?? [];
  const header = [...id.map((hex) => parseInt(hex, 16)), step >> 8, step & 255, total >> 8, total & 255];
  return new Uint8Array([...header, ...jpeg]).buffer;
}
