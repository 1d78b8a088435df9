// What a page does to its frames while something moves: run in the page, answers with numbers in milliseconds.
async ({ kind, seconds }) => {
  const longTasks = [];
  const observer = new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((entry) => entry.duration)));
  observer.observe({ entryTypes: ["longtask"] });
  const diff = document.querySelector('[aria-label="Diff"]');
  const events = document.querySelector('[aria-label="Events"]');
  const steps = document.querySelector('[aria-label="Steps"]')?.closest("section");
  const timeline = document.querySelector('[aria-label^="Timeline"]');
  const wheel = (way) => timeline.dispatchEvent(new WheelEvent("wheel", { deltaY: way, ctrlKey: true, bubbles: true, cancelable: true, clientX: innerWidth / 2 }));
  const down = (element, px) => (at) => {
    const end = element.scrollHeight - element.clientHeight;
    element.scrollTop = Math.abs(((at * px) % (2 * end)) - end);
  };
  const moves = {
    diff: diff && down(diff, 40 * 60),
    jump: diff && ((at) => (diff.scrollTop = (Math.sin(at * 3) / 2 + 0.5) * diff.scrollHeight)),
    events: events && down(events, 40 * 60),
    steps: steps && down(steps, 10 * 60),
    zoom: timeline && ((at) => wheel(Math.floor(at) % 2 ? 24 : -24)),
    page: (at) => scrollTo(0, Math.abs(((at * 1200) % (2 * document.body.scrollHeight)) - document.body.scrollHeight)),
  };
  const frames = [];
  await new Promise((done) => {
    let began;
    let last;
    const frame = (now) => {
      began ??= now;
      if (last !== undefined) frames.push(now - last);
      last = now;
      if (now - began > seconds * 1000) return done();
      moves[kind]((now - began) / 1000);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  await new Promise((done) => setTimeout(done, 100));
  observer.disconnect();
  return { frames, longTasks, nodes: document.querySelectorAll("*").length };
};
