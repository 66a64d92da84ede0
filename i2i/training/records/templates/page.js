// The slider under each direction's heading: shows the sample sheet of another step. Without it the latest stays.
for (const slider of document.querySelectorAll(".slider")) {
  const input = slider.querySelector("input");
  const steps = JSON.parse(input.dataset.steps);
  if (steps.length < 2) continue;
  const figure = slider.closest("figure");
  const image = figure.querySelector("img");
  const output = figure.querySelector("output");
  const show = () => {
    const { step, source } = steps[input.value];
    image.src = source;
    image.parentElement.href = source;
    output.textContent = step.toLocaleString("en-US");
    input.setAttribute("aria-valuetext", "step " + output.textContent);
  };
  input.addEventListener("input", show);
  input.addEventListener("pointerenter", () => steps.forEach(({ source }) => { new Image().src = source; }), { once: true });
  input.value = steps.length - 1;
  slider.hidden = false;
}
