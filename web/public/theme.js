// Runs before the first paint, so that a chosen theme never flashes. The toggle writes this key.
try {
  const theme = localStorage.getItem('labelcast.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the system's preference stands.
}
