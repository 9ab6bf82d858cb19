// Runs before anything is painted, so that a dark board never flashes white.
(function () {
  try {
    var kept = localStorage.getItem("board-theme");
    if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  } catch (refused) {
    // A browser that keeps nothing follows the system's setting.
  }
})();
