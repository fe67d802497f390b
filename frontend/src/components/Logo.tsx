/** The mark of the portal; decoration beside its name. */
export function Logo({ size = 24 }: { size?: number }) {
  return <img src="./favicon.svg" width={size} height={size} alt="" aria-hidden draggable={false} />;
}
