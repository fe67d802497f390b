import { useJobs } from '../../lib/jobsStore';
import { useHistory } from './useHistory';

/** The seed of the newest job or, after a reload, of the newest picture; null when there is neither. */
export function useLastSeed(): number | null {
  const fromJobs = useJobs(({ jobs, order }) => {
    const newest = jobs[order.at(-1) ?? ''];
    return newest?.params.seed ?? null;
  });
  const { images } = useHistory();
  return fromJobs ?? images[0]?.seed ?? null;
}
