import { Link } from '@tanstack/react-router';
import { useScreensById } from '../admin/use-screens-by-id.js';

/** A screen by its name, leading to its page; one that is gone by its id. */
export function ScreenLink({ screenId }: { screenId: string }) {
  const screen = useScreensById().get(screenId);
  if (!screen) return <code>{screenId}</code>;
  return (
    <Link to="/screens/$screenId" params={{ screenId }}>
      <bdi>{screen.name}</bdi>
    </Link>
  );
}
