"""Files of the shapes that BMAD v6 ships, in our own words, played from end to end."""

from __future__ import annotations

from tests.workflow.bmad.conftest import Bmad, tell

SERVICE_KEYS = """\
    communication_language: "{config_source}:communication_language"
    author: "us"
    sprint_artifacts: "{config_source}:planning_artifacts"
    sprint_status_file: "{sprint_artifacts}/sprint-status.yaml || {output_folder}/sprint-status.yaml"
    variables:
      tracking_system: "file-system" # others may come
    input_file_patterns:
      epics:
        description: "All epics"
        whole: "{output_folder}/*epic*.md"
        load_strategy: "FULL_LOAD"
    template: false
    validation: "{installed_path}/checklist.md"
    standalone: true
    web_bundle: false
    """

SERVICE = f"""\
# Status service

<critical>Governed by {{project-root}}/_bmad/core/tasks/workflow.xml</critical>

<workflow>

<step n="0" goal="Which mode">
  <action>Set mode = {{{{mode}}}} where the caller gives one</action>

  <check if="mode == data">
    <action>Jump to Step 20</action>
  </check>

  <check if="mode == interactive">
    <action>Continue to Step 1</action>
  </check>
</step>

<step n="1" goal="Look">
<action>Count them:</action>

- Epics: keys that start with "epic-"
- Stories: `1-2-login`

  <check if="any of them is strange">
    <output>
Odd ones:
{{{{#each odd}}}}
- `{{{{key}}}}`
{{{{/each}}}}
    </output>
  </check>
{tell("looked at {sprint_status_file}")}
  </step>

<!-- ===== for other workflows ===== -->

<step n="20" goal="Data">
  <template-output>count = {{{{count}}}}</template-output>
  {tell("data for {user_name}")}
  <action>Return to caller</action>
</step>

<step n="30" goal="Check">
{tell("checked")}
</step>
</workflow>
"""

STORY = f"""\
<workflow>
  <critical>Read {{installed_path}}/workflow.yaml first;
    it is long</critical>

  <step n="1" goal="Find the next story" tag="sprint-status">
    <check if="{{{{story_path}}}} is provided">
      <action>Use {{{{story_path}}}}</action>
      <goto> anchor with id task_check</goto>
    </check>

    <!-- else look -->
    <check
      if="{{{{sprint_status}}}} file exists">
      <action>Find the FIRST story where:
        - its key is number-number-name
      </action>
      <check if="user chooses '1'">
        <action>HALT - run create-story</action>
      </check>
      {tell("found one")}
    </check>
    {tell("looked")}

    <anchor id="task_check" />
    <action if="no incomplete tasks"><goto step="6">the end</goto></action>
    <action if="story file inaccessible">HALT: "no file"</action>
  </step>

  <step n="5" goal="Write it" repeat="until-done">
    <invoke-protocol
      name="discover_inputs" />
    {tell("written {{iteration}}")}
    <ask optional="true" if="{{{{non_interactive}}}} == false">Go on? [y/n]</ask>
  </step>

  <step n="6" goal="Hand it over">
    <check if="{{{{tests}}}} == failed">
      <goto step="5" />
    </check>
    {tell("done")}
  </step>
</workflow>
"""


def told(bmad: Bmad, text: str, more: str = "", **given: str) -> list[str]:
    """What a play would send."""
    return [one.params["payload"]["message"] for one in bmad.play(text, more, **given).elements.values()]


def test_a_service_with_modes_plays_the_steps_of_its_mode(bmad: Bmad) -> None:
    looked = "looked at ./_bmad-output/planning/sprint-status.yaml"
    assert told(bmad, SERVICE, SERVICE_KEYS, mode="data") == ["data for Ada"]
    assert told(bmad, SERVICE, SERVICE_KEYS, mode="interactive") == [looked, "data for Ada"]
    assert told(bmad, SERVICE, SERVICE_KEYS) == [looked, "data for Ada"]


def test_a_service_with_modes_has_nothing_unknown_but_what_the_agent_finds(bmad: Bmad) -> None:
    definition = bmad.play(SERVICE, SERVICE_KEYS).definition
    assert definition.instructions is not None
    assert definition.instructions.unknown_tags == ()
    assert definition.unknown_variables == ("count", "key", "mode")
    assert definition.unknown_keys == ("sprint_artifacts", "sprint_status_file")


def test_a_story_that_is_given_is_gone_on_with_at_once(bmad: Bmad) -> None:
    assert told(bmad, STORY, story_path="1-2.md") == ["written 1", "done"]


def test_a_story_that_has_to_be_found_is_the_agents_to_find(bmad: Bmad) -> None:
    play = bmad.play(STORY, non_interactive="true")
    assert told(bmad, STORY) == ["looked", "written 1", "done"]
    assert [part.depends_on for part in play.parts if part.kind == "goto"] == [
        ("{{story_path}} is provided",),
        ("no incomplete tasks",),
        ("{{tests}} == failed",),
    ]
    assert [part.standing.value for part in play.parts if part.kind == "ask"] == ["skipped"]
