import type { User } from '../../api/types';

/** Whether the person looks after machines; the server decides the same way. */
export function maySeeStatus(user: User): boolean {
  return user.is_staff || user.rights.includes('generation.view_worker') || maySwitchWorkers(user);
}

/** Whether the person may drain workers and resume them. */
export function maySwitchWorkers(user: User): boolean {
  return user.rights.includes('generation.manage_queue');
}
