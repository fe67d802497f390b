import { Loader } from '@mantine/core';

import classes from './Splash.module.css';

/** Shown until the server has said who is signed in. */
export function Splash() {
  return (
    <div className={classes.splash}>
      <Loader color="iris" type="dots" />
    </div>
  );
}
