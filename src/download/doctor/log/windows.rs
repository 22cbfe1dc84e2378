//! Why Windows does not load a DLL, as Apache repeats it: in the language of the system, or in Wine's
//! words. Known by its number where that is said, and else by words that no other of these has.

/// Why a DLL was not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Error 193: it is of another bitness, or no DLL.
    NotWin32,
    /// Error 126: it, or a DLL that it imports, is not there.
    NotFound,
    /// Error 127: a DLL lacks what is imported from it.
    NoProcedure,
    /// Error 1114: its own start failed.
    StartFailed,
    /// Error 14001: its manifest names a runtime that is not installed.
    SideBySide,
    /// Errors 5 and 1920: this account may not read it.
    Denied,
    /// In words that are not known.
    Other,
}

/// What Windows says in one case.
struct Known {
    refusal: Refusal,
    numbers: &'static [u32],
    /// One of these, with all its parts. They are without letters that a code page may change, save where
    /// a language has no others.
    words: &'static [&'static [&'static str]],
}

const KNOWN: [Known; 6] = [
    Known {
        refusal: Refusal::NotWin32,
        numbers: &[193],
        words: &[&["Win32"], &["Bad EXE format"]],
    },
    Known {
        refusal: Refusal::SideBySide,
        numbers: &[14001],
        words: &[&["side-by-side"], &["Side-by-Side"], &["sxstrace"], &["SxS"]],
    },
    Known {
        refusal: Refusal::StartFailed,
        numbers: &[1114],
        words: &[
            &["DLL", "nitiali"],
            &["DLL", "inicializ"],
            &["DLL", "inizializ"],
            &["DLL", "inicjow"],
            &["DLL", "инициализ"],
            &["DLL", "初始化"],
            &["DLL", "DllMain"],
            &["DLL", "初期化"],
        ],
    },
    Known {
        refusal: Refusal::NoProcedure,
        numbers: &[127],
        words: &[
            &["rocedure", "not", "found"],
            &["rozedur", "nicht gefunden"],
            &["proc", "dure sp", "introuvable"],
            &["proce", "especificad"],
            &["procedura specificata"],
            &["opgegeven procedure"],
            &["процедура"],
            &["procedury"],
            &["找不到指定的程序"],
            &["プロシージャ"],
        ],
    },
    Known {
        refusal: Refusal::NotFound,
        numbers: &[126],
        words: &[
            &["odule", "not", "found"],
            &["Modul", "nicht gefunden"],
            &["module sp", "introuvable"],
            &["dulo especificado"],
            &["modulo specificato"],
            &["opgegeven module"],
            &["указанный модуль"],
            &["onego modu"],
            &["找不到指定的模"],
            &["モジュール"],
        ],
    },
    Known {
        refusal: Refusal::Denied,
        numbers: &[5, 1920],
        words: &[
            &["denied"],
            &["cannot be accessed by the system"],
            &["Zugriff verweigert"],
            &["auf die Datei nicht zugreifen"],
            &["Acc", "s refus"],
            &["Acceso denegado"],
            &["Accesso negato"],
            &["Acesso negado"],
            &["Toegang geweigerd"],
            &["Отказано в доступе"],
            &["Odmowa dost"],
            &["拒绝访问"],
            &["存取被拒"],
            &["アクセスが拒否"],
        ],
    },
];

/// The file that Apache could not load, and why not: `Cannot load X into server: …`.
pub(super) fn load_failure(line: &str) -> Option<(&str, Refusal)> {
    let (_, rest) = line.split_once("Cannot load ")?;
    let (file, said) = rest.split_once(" into server")?;
    Some((file.trim_matches('"'), refusal(said)))
}

fn refusal(said: &str) -> Refusal {
    let number = said
        .split_once("(OS ")
        .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    let number: Option<u32> = number.and_then(|digits| digits.parse().ok());
    let is_number = |known: &&Known| number.is_some_and(|it| known.numbers.contains(&it));
    let are_said = |words: &&[&str]| words.iter().all(|word| said.contains(word));
    let is_said = |known: &&Known| known.words.iter().any(are_said);
    let known = KNOWN.iter().find(is_number).or_else(|| KNOWN.iter().find(is_said));
    known.map_or(Refusal::Other, |known| known.refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_is_understood() {
        for (wanted, all) in [
            (
                Refusal::NotWin32,
                vec![
                    "%1 is not a valid Win32 application.",
                    "%1 ist keine zulässige Win32-Anwendung.",
                    "%1 n'est pas une application Win32 valide.",
                    "%1 не является приложением Win32.",
                    "Bad EXE format for %1.",
                    "(OS 193)%1 ?????",
                ],
            ),
            (
                Refusal::NotFound,
                vec![
                    "The specified module could not be found.",
                    "Module not found.",
                    "Das angegebene Modul wurde nicht gefunden.",
                    "Le module spécifié est introuvable.",
                    "No se puede encontrar el módulo especificado.",
                    "Impossibile trovare il modulo specificato.",
                    "Não foi possível encontrar o módulo especificado.",
                    "Kan opgegeven module niet vinden.",
                    "Не найден указанный модуль.",
                    "Nie można odnaleźć określonego modułu.",
                    "找不到指定的模块。",
                    "指定されたモジュールが見つかりません。",
                    "(OS 126)???",
                ],
            ),
            (
                Refusal::NoProcedure,
                vec![
                    "The specified procedure could not be found.",
                    "Procedure not found.",
                    "Die angegebene Prozedur wurde nicht gefunden.",
                    "La procédure spécifiée est introuvable.",
                    "No se encontró el proceso especificado.",
                    "Impossibile trovare la procedura specificata.",
                    "Не найдена указанная процедура.",
                    "找不到指定的程序。",
                ],
            ),
            (
                Refusal::StartFailed,
                vec![
                    "A dynamic link library (DLL) initialization routine failed.",
                    "DLL initialization failed.",
                    "Eine DLL-Initialisierungsroutine ist fehlgeschlagen.",
                    "Une routine d'initialisation d'une bibliothèque de liens dynamiques (DLL) a \
                     échoué.",
                    "Error en una rutina de inicialización de biblioteca de vínculos dinámicos \
                     (DLL).",
                    "动态链接库(DLL)初始化例程失败。",
                ],
            ),
            (
                Refusal::SideBySide,
                vec![
                    "The application has failed to start because its side-by-side configuration \
                     is incorrect. Please see the application event log or use the command-line \
                     sxstrace.exe tool for more detail.",
                    "Die Anwendung konnte nicht gestartet werden, da die \
                     Side-by-Side-Konfiguration ungültig ist.",
                ],
            ),
            (
                Refusal::Denied,
                vec![
                    "Access is denied.",
                    "Access denied.",
                    "Zugriff verweigert",
                    "Das System kann auf die Datei nicht zugreifen.",
                    "Accès refusé.",
                    "The file cannot be accessed by the system.",
                ],
            ),
            (Refusal::Other, vec!["Ei onnistu.", ""]),
        ] {
            for said in all {
                let line = format!("httpd: Cannot load \"C:/a b/mod_wsgi.so\" into server: {said}");
                assert_eq!(load_failure(&line), Some(("C:/a b/mod_wsgi.so", wanted)), "{said}");
            }
        }
        assert_eq!(load_failure("Cannot load it"), None);
    }
}
