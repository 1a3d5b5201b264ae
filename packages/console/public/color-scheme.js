// Before the first paint, so that a dark room never sees a white flash. A file of its own because the page's
// content security policy allows no inline script.
(() => {
  const night = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    let choice = 'auto';
    try {
      choice = localStorage.getItem('bongsu-color-scheme') ?? 'auto';
    } catch {}
    const dark = choice === 'dark' || (choice !== 'light' && night.matches);
    document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
  };
  apply();
  night.addEventListener('change', apply);
})();
