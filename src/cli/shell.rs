//! `completions` and `man`: the command line described for shells and for `man`.

use std::io::{self, Write};

use clap::{Args, Command};
use clap_complete::Shell;

use super::exit::Exit;

/// The flags of `completions`.
#[derive(Debug, Clone, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn completions(
    args: &CompletionsArgs,
    mut command: Command,
    stdout: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let name = command.get_name().to_owned();
    // Written at once: the generator takes a reader that went away for a defect.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    stdout.write_all(&script)?;
    Ok(Exit::Done)
}

/// One page: the program's own, then each command's.
pub(super) fn manual(mut command: Command, stdout: &mut dyn Write) -> anyhow::Result<Exit> {
    command.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let name = format!("session-risk {}", subcommand.get_name());
        write_command(subcommand.clone().name(name), &mut page)?;
    }
    stdout.write_all(&page)?;
    Ok(Exit::Done)
}

fn write_command(command: Command, page: &mut Vec<u8>) -> io::Result<()> {
    writeln!(page, ".SH \"{}\"", command.get_name().to_uppercase())?;
    let manual = clap_mangen::Man::new(command);
    manual.render_description_section(page)?;
    manual.render_options_section(page)
}
