// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { ServerMessage } from '../api/types';
import { FakeWebSocket, previewBytes } from '../test/fakeWebSocket';
import { CLOSE_NOT_SIGNED_IN, PortalSocket, parseMessage, parsePreview } from './socket';
import type { ConnectionStatus } from './socket';

const JOB_ID = '0193595a-6c3d-7e2f-8a41-0f1e2d3c4b5a';

describe('parsePreview', () => {
  it('reads the id, the numbers and the picture', async () => {
    const frame = parsePreview(previewBytes(JOB_ID, 260, 300, [0xff, 0xd8, 0xff]))!;
    expect(frame).toMatchObject({ jobId: JOB_ID, step: 260, total: 300 });
    expect(frame.jpeg.type).toBe('image/jpeg');
    expect(frame.jpeg.size).toBe(3);
    const bytes = await new Promise<ArrayBuffer>((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result as ArrayBuffer);
      reader.readAsArrayBuffer(frame.jpeg);
    });
    expect([...new Uint8Array(bytes)]).toEqual([0xff, 0xd8, 0xff]);
  });

  it.each([0, 19, 20])('refuses a frame of %i bytes', (length) => {
    expect(parsePreview(new ArrayBuffer(length))).toBeNull();
  });
});

describe('parseMessage', () => {
  it('takes what it knows', () => {
    expect(parseMessage('{"type":"snapshot","data":{"jobs":[]}}')).toEqual({ type: 'snapshot', data: { jobs: [] } });
    expect(parseMessage('{"type":"error","message":"no","code":"x"}')).toMatchObject({ code: 'x' });
  });

  it.each([
    '',
    'null',
    '[]',
    '3',
    '{',
    '{"type":7}',
    '{"type":"weather","data":{}}',
    '{"type":"job"}',
    '{"type":"job","data":3}',
  ])('ignores %s', (text) => {
    expect(parseMessage(text)).toBeNull();
  });
});

describe('PortalSocket', () => {
  let socket: PortalSocket;
  let statuses: ConnectionStatus[];
  let messages: ServerMessage[];
  const onPreview = vi.fn();
  const onSessionExpired = vi.fn();

  beforeEach(async () => {
    vi.useFakeTimers();
    FakeWebSocket.made = [];
    statuses = [];
    messages = [];
    onPreview.mockClear();
    onSessionExpired.mockClear();
    socket = new PortalSocket({
      url: 'ws://portal.test/ws/?previews=binary&images=links',
      onMessage: (message) => messages.push(message),
      onPreview,
      onStatus: (status) => statuses.push(status),
      onSessionExpired,
      WebSocket: FakeWebSocket,
    });
    await vi.advanceTimersByTimeAsync(0);
  });

  afterEach(() => {
    socket.close();
    vi.useRealTimers();
  });

  it('connects with the address it was given and asks for array buffers', () => {
    FakeWebSocket.last.opens();
    expect(FakeWebSocket.last.url).toBe('ws://portal.test/ws/?previews=binary&images=links');
    expect(FakeWebSocket.last.binaryType).toBe('arraybuffer');
    expect(statuses).toEqual(['connecting', 'online']);
  });

  it('hands on messages and previews, and ignores what it cannot read', () => {
    FakeWebSocket.last.opens();
    FakeWebSocket.last.receives('{"type":"weather"}');
    FakeWebSocket.last.receives('not json');
    FakeWebSocket.last.receives('{"type":"snapshot","data":{"jobs":[]}}');
    FakeWebSocket.last.receives(previewBytes(JOB_ID, 3, 20, [1, 2]));
    expect(messages).toEqual([{ type: 'snapshot', data: { jobs: [] } }]);
    expect(onPreview).toHaveBeenCalledExactlyOnceWith(JOB_ID, 3, 20, expect.any(Blob));
  });

  it('cancels one job or what this connection runs', () => {
    FakeWebSocket.last.opens();
    socket.cancel('j1');
    socket.cancel();
    expect(FakeWebSocket.last.sent.map((text) => JSON.parse(text) as unknown)).toEqual([
      { action: 'cancel_generation', job_id: 'j1' },
      { action: 'cancel_generation' },
    ]);
  });

  it('comes back by itself within five seconds, however often the server is gone', async () => {
    FakeWebSocket.last.opens();
    for (let attempt = 0; attempt < 12; attempt++) {
      const made = FakeWebSocket.made.length;
      FakeWebSocket.last.dropped(1006);
      await vi.advanceTimersByTimeAsync(5_000);
      expect(FakeWebSocket.made.length).toBe(made + 1);
    }
    FakeWebSocket.last.opens();
    expect(statuses).toEqual(['connecting', 'online', 'offline', 'online']);
  });

  it('sends after the break what was asked for during it', async () => {
    FakeWebSocket.last.opens();
    FakeWebSocket.last.dropped(1006);
    socket.cancel('j1');
    await vi.advanceTimersByTimeAsync(5_000);
    FakeWebSocket.last.opens();
    expect(FakeWebSocket.last.sent).toHaveLength(1);
  });

  it('does not trust an open connection after a network break', async () => {
    FakeWebSocket.last.opens();
    window.dispatchEvent(new Event('online'));
    await vi.advanceTimersByTimeAsync(10);
    expect(FakeWebSocket.made).toHaveLength(2);
    FakeWebSocket.last.opens();
    expect(statuses).toEqual(['connecting', 'online', 'offline', 'online']);
  });

  it('stops when the session has expired, and says so once', async () => {
    FakeWebSocket.last.opens();
    FakeWebSocket.last.dropped(CLOSE_NOT_SIGNED_IN);
    await vi.advanceTimersByTimeAsync(60_000);
    window.dispatchEvent(new Event('online'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(onSessionExpired).toHaveBeenCalledOnce();
    expect(FakeWebSocket.made).toHaveLength(1);
    expect(statuses.at(-1)).toBe('offline');
  });

  it('stays closed after close()', async () => {
    FakeWebSocket.last.opens();
    socket.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeWebSocket.made).toHaveLength(1);
    expect(statuses.at(-1)).toBe('offline');
  });
});
