import './styles/tokens.css';
import './styles/base.css';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');

// Two apps under one page: a screen on a wall should load nothing of the administration.
if (/^\/screen\/?$/.test(location.pathname)) {
  const { mountScreen } = await import('./pages/screen/mount.js');
  mountScreen(root);
} else {
  const { mountAdmin } = await import('./admin/mount.js');
  mountAdmin(root);
}
