/**
 * Object URLs of live previews: one picture per job, nothing left behind.
 *
 * A replaced URL is revoked one frame late, because an <img> may still be decoding it when the next frame comes.
 */

export interface UrlFactory {
  create(blob: Blob): string;
  revoke(url: string): void;
}

const browserUrls: UrlFactory = {
  create: (blob) => URL.createObjectURL(blob),
  revoke: (url) => URL.revokeObjectURL(url),
};

interface Frame {
  current: string;
  previous: string | null;
}

export class Previews {
  private readonly frames = new Map<string, Frame>();
  private readonly urls: UrlFactory;

  constructor(urls: UrlFactory = browserUrls) {
    this.urls = urls;
  }

  /** Makes `jpeg` the preview of the job and returns its object URL. */
  put(jobId: string, jpeg: Blob): string {
    const old = this.frames.get(jobId);
    if (old?.previous) this.urls.revoke(old.previous);
    const current = this.urls.create(jpeg);
    this.frames.set(jobId, { current, previous: old?.current ?? null });
    return current;
  }

  /** Revokes what belongs to one job. */
  release(jobId: string): void {
    const frame = this.frames.get(jobId);
    if (!frame) return;
    if (frame.previous) this.urls.revoke(frame.previous);
    this.urls.revoke(frame.current);
    this.frames.delete(jobId);
  }

  /** Revokes the previews of all jobs for which `isKept` is false. */
  releaseExcept(isKept: (jobId: string) => boolean): void {
    for (const jobId of [...this.frames.keys()]) {
      if (!isKept(jobId)) this.release(jobId);
    }
  }

  releaseAll(): void {
    this.releaseExcept(() => false);
  }

  /** Jobs that have a preview. */
  get size(): number {
    return this.frames.size;
  }
}
