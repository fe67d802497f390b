/** The queue as a whole: how it stands, and everybody's jobs while somebody looks at them. */
import { create } from 'zustand';

import type { Queue, QueueJob, ServerMessage } from '../api/types';
import type { ClientMessage } from './socket';

interface QueueStore {
  /** Null until the server has told. */
  queue: Queue | null;
  /** The front of everybody's queue; null while nobody watches, and until it has been told. */
  everyone: { items: QueueJob[]; more: boolean } | null;
}

const NOTHING: QueueStore = { queue: null, everyone: null };

export const useQueue = create<QueueStore>()(() => NOTHING);

let send: ((message: ClientMessage) => void) | null = null;
let watchers = 0;

interface QueueBinding {
  receive: (message: ServerMessage) => void;
  /** A new connection knows of nobody who watches. */
  online: () => void;
  reset: () => void;
}

/** Lets the store speak through a socket. */
export function bindQueue(sendMessage: (message: ClientMessage) => void): QueueBinding {
  send = sendMessage;
  return {
    receive: (message) => {
      if (message.type === 'queue') useQueue.setState({ queue: message.data });
      if (message.type === 'queue_jobs' && watchers > 0) useQueue.setState({ everyone: message.data });
    },
    online: () => {
      if (watchers > 0) sendMessage({ action: 'watch_queue' });
    },
    reset: () => {
      send = null;
      useQueue.setState(NOTHING);
    },
  };
}

/** Has everybody's jobs told from now on. Returns the function that ends it. */
export function watchQueue(): () => void {
  watchers += 1;
  if (watchers === 1) send?.({ action: 'watch_queue' });
  return () => {
    watchers -= 1;
    if (watchers > 0) return;
    send?.({ action: 'unwatch_queue' });
    useQueue.setState({ everyone: null });
  };
}
