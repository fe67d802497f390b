/**
 * The portal's WebSocket: JSON text frames both ways, previews as binary frames. Reconnects by itself.
 * Framework-free; what a message means is the business of jobs.ts.
 */
import ReconnectingWebSocket from 'partysocket/ws';
import type { CloseEvent as SocketCloseEvent } from 'partysocket/ws';

import type { ServerMessage } from '../api/types';

export type ConnectionStatus = 'connecting' | 'online' | 'offline';

/** The server closes with this code when the session is missing or has ended; only signing in helps. */
export const CLOSE_NOT_SIGNED_IN = 4401;

const RECONNECT_FIRST_MS = 1_000;
const RECONNECT_LAST_MS = 5_000;
const CONNECT_TIMEOUT_MS = 8_000;
/** A few requests survive a short break; a long queue would surprise people when it runs at last. */
const MAX_WAITING_MESSAGES = 20;

const PREVIEW_HEADER_BYTES = 20;

export interface PreviewFrame {
  jobId: string;
  step: number;
  total: number;
  jpeg: Blob;
}

export interface PortalSocketOptions {
  /** Absolute ws(s) address with the switches for binary previews and linked images: `socketUrl()` of server.ts. */
  url: string;
  onMessage(message: ServerMessage): void;
  onPreview(jobId: string, step: number, total: number, jpeg: Blob): void;
  onStatus(status: ConnectionStatus): void;
  /** Called once when the server says that nobody is signed in; the socket stays closed afterwards. */
  onSessionExpired?(): void;
  /** For tests: another class with the browser's WebSocket interface. */
  WebSocket?: unknown;
}

/** Message a client may send; `action` names it, the rest depends on it. */
export interface ClientMessage {
  action: string;
  [key: string]: unknown;
}

const MESSAGE_TYPES: ReadonlySet<string> = new Set<ServerMessage['type']>([
  'snapshot',
  'job',
  'progress',
  'complete',
  'error',
  'models',
  'gallery',
  'order',
  'cleared',
  'queue',
  'queue_jobs',
]);

/** Reads a text frame; null for what is not a message of ours (a newer server may send more kinds). */
export function parseMessage(text: string): ServerMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('type' in value)) return null;
  if (typeof value.type !== 'string' || !MESSAGE_TYPES.has(value.type)) return null;
  if (value.type !== 'error' && (!('data' in value) || typeof value.data !== 'object' || value.data === null))
    return null;
  return value as ServerMessage;
}

/** Reads a preview frame: 16 bytes job id, uint16 step, uint16 total (big endian), then a JPEG. Null when too short. */
export function parsePreview(frame: ArrayBuffer): PreviewFrame | null {
  if (frame.byteLength <= PREVIEW_HEADER_BYTES) return null;
  const view = new DataView(frame);
  return {
    jobId: uuidFromBytes(new Uint8Array(frame, 0, 16)),
    step: view.getUint16(16),
    total: view.getUint16(18),
    jpeg: new Blob([frame.slice(PREVIEW_HEADER_BYTES)], { type: 'image/jpeg' }),
  };
}

function uuidFromBytes(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

export class PortalSocket {
  private readonly socket: ReconnectingWebSocket;
  private readonly options: PortalSocketOptions;
  private status: ConnectionStatus = 'connecting';

  constructor(options: PortalSocketOptions) {
    this.options = options;
    this.socket = new ReconnectingWebSocket(options.url, undefined, {
      minReconnectionDelay: RECONNECT_FIRST_MS,
      maxReconnectionDelay: RECONNECT_LAST_MS,
      reconnectionDelayGrowFactor: 1.6,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      maxEnqueuedMessages: MAX_WAITING_MESSAGES,
      shouldReconnectOnClose: (event: SocketCloseEvent) => event.code !== CLOSE_NOT_SIGNED_IN,
      ...(options.WebSocket ? { WebSocket: options.WebSocket } : {}),
    });
    this.socket.binaryType = 'arraybuffer';
    this.socket.addEventListener('open', this.handleOpen);
    this.socket.addEventListener('message', this.handleMessage);
    this.socket.addEventListener('close', this.handleClose);
    window.addEventListener('online', this.handleNetworkBack);
    options.onStatus('connecting');
  }

  /** Sends now, or when the connection is back. */
  send(message: ClientMessage): void {
    this.socket.send(JSON.stringify(message));
  }

  /** Cancels one job; without an id, what this connection has running (see docs/protocol.md). */
  cancel(jobId?: string): void {
    this.send(jobId ? { action: 'cancel_generation', job_id: jobId } : { action: 'cancel_generation' });
  }

  /** Connects again after the server has closed for good: somebody is signed in after all. */
  reconnect(): void {
    this.socket.reconnect();
  }

  close(): void {
    window.removeEventListener('online', this.handleNetworkBack);
    this.socket.removeEventListener('open', this.handleOpen);
    this.socket.removeEventListener('message', this.handleMessage);
    this.socket.removeEventListener('close', this.handleClose);
    this.socket.close();
    this.report('offline');
  }

  private report(status: ConnectionStatus): void {
    if (status === this.status) return;
    this.status = status;
    this.options.onStatus(status);
  }

  private readonly handleOpen = (): void => {
    this.report('online');
  };

  private readonly handleMessage = (event: MessageEvent): void => {
    const data: unknown = event.data;
    if (typeof data === 'string') {
      const message = parseMessage(data);
      if (message) this.options.onMessage(message);
    } else if (data instanceof ArrayBuffer) {
      const frame = parsePreview(data);
      if (frame) this.options.onPreview(frame.jobId, frame.step, frame.total, frame.jpeg);
    }
  };

  private readonly handleClose = (event: SocketCloseEvent): void => {
    this.report('offline');
    if (event.code === CLOSE_NOT_SIGNED_IN) this.options.onSessionExpired?.();
  };

  /** A connection rarely survives a network break, but the browser may take minutes to notice: make a new one. */
  private readonly handleNetworkBack = (): void => {
    if (this.status === 'online') this.socket.reconnect();
  };
}
