import { useQueue } from '../../lib/queueStore';
import { PausedNotice } from './PausedNotice';

/** Says that nothing new begins, and why, while it is so. */
export function PausedBanner() {
  const queue = useQueue((state) => state.queue);
  return queue?.paused ? <PausedNotice reason={queue.reason} /> : null;
}
